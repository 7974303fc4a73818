/// What became of a message that was given to `send`.
///
/// It is returned by ``UVConnection/send(_:)-(Span<UInt8>)`` and
/// ``UVConnector/send(_:)-(Span<UInt8>)``.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVSendResult: Sendable, Hashable {
    /// It was taken. You may send more.
    case taken
    /// It was taken, but wait for `onDrained` before you send more.
    ///
    /// More bytes are queued than the high watermark. Or the connector keeps more than half of its
    /// `queueLimit`.
    case takenButFull
    /// It was not taken.
    ///
    /// The connection has ended or is about to end. Or a connector without a connection does not
    /// try to connect, or has no room to keep the message.
    case closed
    /// It is on its way to the connection's loop, which belongs to another thread.
    case posted
    /// It was not taken: the connection's loop belongs to another thread, and its
    /// `submissionLimit` is reached.
    case overloaded
    /// It was not taken, because it cannot be one frame of the connection's framing.
    case refused(FramingError)

    /// Whether the message will be sent, unless the connection ends before.
    public var isTaken: Bool {
        self == .taken || self == .takenButFull || self == .posted
    }
}
