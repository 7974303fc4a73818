/// What became of a message given to ``UVConnection/send(_:)-(Span<UInt8>)`` or
/// ``UVConnector/send(_:)-(Span<UInt8>)``.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVSendResult: Sendable, Hashable {
    /// It was taken; send more if you like.
    case taken
    /// It was taken, and more bytes are queued now than the high watermark, or kept than half of the
    /// connector's `queueLimit`: hold back until `onDrained`.
    case takenButFull
    /// It was not taken: the connection has ended, or is about to; or there is none, and the
    /// connector does not try to connect, or has no room left to keep it.
    case closed
    /// It was not taken, because it cannot be one frame of the connection's framing.
    case refused(FramingError)

    /// Whether the message will be sent, unless the connection ends before.
    public var isTaken: Bool { self == .taken || self == .takenButFull }
}
