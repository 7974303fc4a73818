/// The error of a call that failed: the call, its subject, libuv's code and a reason.
///
/// Its description is one line for a person, such as
/// `bind 0.0.0.0:8081: address already in use (EADDRINUSE)`.
public struct UVError: Error, Hashable, Sendable {
    /// The call, in the words of the socket interface, such as `bind`, `connect` or `look up`.
    public let call: String
    /// What the call was about, usually an endpoint. Empty if there is nothing to name.
    public let subject: String
    /// libuv's code.
    public let code: Code
    /// The reason in a few words: libuv's text for the code, unless something more exact is known.
    public let reason: String

    /// Makes an error for a failed call.
    ///
    /// - Parameters:
    ///   - call: The call.
    ///   - subject: What the call was about.
    ///   - code: libuv's code.
    ///   - reason: The reason, if something more exact than libuv's text for the code is known.
    public init(call: String, subject: String = "", code: Code, reason: String? = nil) {
        self.call = call
        self.subject = subject
        self.code = code
        self.reason = reason ?? code.description
    }
}

extension UVError {
    /// One of libuv's error codes.
    ///
    /// The set is open: compare codes without a name here by their ``rawValue``.
    public struct Code: Error, RawRepresentable, Hashable, Sendable {
        /// libuv's number: negative, and on Linux the negated `errno`.
        public let rawValue: Int32

        /// Makes a code from a number that libuv returned.
        ///
        /// - Parameter rawValue: The negative number.
        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    /// Whether the error only says that the other side has gone away.
    ///
    /// That is an expected end, not a fault of either program.
    public var isPeerGone: Bool { code.isPeerGone }
}

extension UVError: CustomStringConvertible {
    /// One line: call, subject, reason and the code's name.
    public var description: String {
        let what = subject.isEmpty ? call : "\(call) \(subject)"
        return "\(what): \(reason) (\(code.name))"
    }
}
