/// A call that failed: what was called, what it was about, and libuv's code and words for why.
///
/// Its description is one line for a person, such as
/// `bind 0.0.0.0:8081: address already in use (EADDRINUSE)`.
public struct UVError: Error, Hashable, Sendable {
    /// What was attempted, in the words of the socket interface: `bind`, `connect`, `look up`.
    public let call: String
    /// What it was about, usually an endpoint; empty where there is nothing to name.
    public let subject: String
    /// libuv's code.
    public let code: Code
    /// Why, in one clause: libuv's words for the code unless something more exact is known.
    public let reason: String

    /// Describes a failed call.
    ///
    /// - Parameters:
    ///   - call: What was attempted.
    ///   - subject: What it was about.
    ///   - code: libuv's code.
    ///   - reason: Why, if more is known than libuv's words for the code.
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
    /// The set is open: codes that have no name here are compared by their ``rawValue``.
    public struct Code: Error, RawRepresentable, Hashable, Sendable {
        /// The number as libuv returns it: negative, and on Linux the negated `errno`.
        public let rawValue: Int32

        /// Wraps a number that libuv returned.
        ///
        /// - Parameter rawValue: The negative number.
        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    /// Whether the error only says that the other side has gone away, which is an expected
    /// ending rather than a fault of either program.
    public var isPeerGone: Bool { code.isPeerGone }
}

extension UVError: CustomStringConvertible {
    /// One line: call, subject, reason and the code's name.
    public var description: String {
        let what = subject.isEmpty ? call : "\(call) \(subject)"
        return "\(what): \(reason) (\(code.name))"
    }
}
