/// Why bytes are not frames.
///
/// The first three are the peer's fault and end the receiving of frames: where the next one would
/// begin is not known. The last is the sender's own.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum FramingError: Error, Hashable, Sendable {
    /// A frame's payload is longer than the codec's limit, which is given in bytes.
    case frameTooLong(limit: Int)
    /// The stream ended within a frame of which only so many bytes had come.
    case truncated(bytes: Int)
    /// The bytes begin no frame, for the reason given.
    case malformed(String)
    /// The payload cannot be sent as one frame, for the reason given.
    case unsendable(String)
}

extension FramingError: CustomStringConvertible {
    /// A clause for a log or a person.
    public var description: String {
        switch self {
        case .frameTooLong(let limit): "a frame is longer than the limit of \(limit) bytes"
        case .truncated(let bytes): "the stream ended \(bytes) bytes into a frame"
        case .malformed(let reason): "malformed frame: \(reason)"
        case .unsendable(let reason): "cannot be sent as a frame: \(reason)"
        }
    }
}
