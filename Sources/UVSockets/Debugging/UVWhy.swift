/// Why a connection waits, or why nothing happens on it, from ``UVConnection/why`` and
/// ``UVServerHandle/why(of:)``.
public struct UVWhy: Sendable, Hashable, CustomStringConvertible {
    /// The kinds of causes, the worst first.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Cause: Int, Sendable, Hashable, CaseIterable {
        /// A handler holds the loop of the connection, so nobody is served there.
        case loopBlocked
        /// The kernel sends bytes again and again without an answer, or has to repair losses.
        case networkLoses
        /// The program at the other end does not read: its receive window is closed.
        case peerDoesNotRead
        /// The connection is not received from, for a reason on this side.
        case held
        /// Its task awaits something else than its client.
        case taskElsewhere
        /// A part of a message has come. The rest has not.
        case partialMessage
        /// Our kernel's send buffer is too small for the path.
        case sendBufferSmall
        /// Bytes are on their way, and are acknowledged. The path is slow.
        case slowPath
        /// A layer, such as TLS, has not opened the connection yet.
        case opening
        /// The connection ends: the last bytes leave, or the peer has still to close.
        case closing
        /// Bytes have come, and are read in the next turn of the loop.
        case unread
        /// Nothing waits on this side.
        case nothing
        /// The connection has ended.
        case ended
    }

    /// The kind of the cause.
    public let cause: Cause
    /// One or two sentences with their numbers.
    public let description: String

    init(_ cause: Cause, _ description: String) {
        self.cause = cause
        self.description = description
    }
}

extension UVWhy.Cause: CustomStringConvertible {
    /// The cause in words, as the heading of a group of clients.
    public var description: String {
        switch self {
        case .loopBlocked: "the loop is blocked"
        case .networkLoses: "the network loses, or the host is gone"
        case .peerDoesNotRead: "the program does not read"
        case .held: "held back by this side"
        case .taskElsewhere: "the task awaits something else"
        case .partialMessage: "part of a message has come"
        case .sendBufferSmall: "the kernel's send buffer is small for the path"
        case .slowPath: "the path is slow"
        case .opening: "not opened yet by a layer"
        case .closing: "closing"
        case .unread: "about to be read"
        case .nothing: "nothing waits"
        case .ended: "ended"
        }
    }
}
