/// What a connection needs to tell frames apart beyond its agent's codec. It exists only while
/// there is something to remember: bytes that do not end in a whole frame, or a codec of its own.
final class FrameReader {
    /// The connection's codec; nil for raw bytes.
    var coder: FrameCoder?
    /// Whether the codec is the connection's own rather than its agent's.
    var isCodecOwn = false
    var assembler = FrameAssembler()
    /// Whether whole frames may be waiting, because the handler was not to be called any more.
    var hasBacklog = false

    init(_ coder: FrameCoder?) {
        self.coder = coder
    }
}
