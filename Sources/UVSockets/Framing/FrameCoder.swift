/// A codec behind a reference, made once an agent: to ask it costs an indirect call, while the
/// codec itself, held as an existential, would be copied for each frame.
class FrameCoder {
    /// The codec.
    var codec: any FrameCodec { fatalError("a coder has a codec") }

    /// Puts a codec behind a reference.
    static func of(_ codec: some FrameCodec) -> FrameCoder { CoderOf(codec) }

    func firstFrame(in bytes: Span<UInt8>, scanned: Int) throws(FramingError) -> FrameSearch {
        try codec.firstFrame(in: bytes, scanned: scanned)
    }

    func ends(of payload: Span<UInt8>) throws(FramingError) -> FrameEnds {
        try codec.ends(of: payload)
    }
}

private final class CoderOf<Codec: FrameCodec>: FrameCoder {
    private let wrapped: Codec

    init(_ codec: Codec) {
        wrapped = codec
    }

    override var codec: any FrameCodec { wrapped }

    override func firstFrame(
        in bytes: Span<UInt8>, scanned: Int
    ) throws(FramingError) -> FrameSearch {
        try wrapped.firstFrame(in: bytes, scanned: scanned)
    }

    override func ends(of payload: Span<UInt8>) throws(FramingError) -> FrameEnds {
        try wrapped.ends(of: payload)
    }
}
