/// Why bytes could not be received or sent as frames.
///
/// The first three cases are the peer's fault. They end the receiving of frames, because nobody
/// knows where the next frame would begin. The last case is the sender's own fault.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum FramingError: Error, Hashable, Sendable {
    /// A frame's payload is longer than the codec's limit. The limit is given in bytes.
    case frameTooLong(limit: Int)
    /// The stream ended within a frame. Only this many bytes of the frame had come.
    case truncated(bytes: Int)
    /// The bytes do not begin a frame, for the given reason.
    case malformed(String)
    /// The payload cannot be sent as one frame, for the given reason.
    case unsendable(String)
}

extension FramingError: CustomStringConvertible {
    /// A short text for a log or a person.
    public var description: String {
        switch self {
        case .frameTooLong(let limit): "a frame is longer than the limit of \(limit) bytes"
        case .truncated(let bytes): "the stream ended \(bytes) bytes into a frame"
        case .malformed(let reason): "malformed frame: \(reason)"
        case .unsendable(let reason): "cannot be sent as a frame: \(reason)"
        }
    }
}
