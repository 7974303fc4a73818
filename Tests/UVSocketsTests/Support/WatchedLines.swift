import UVSockets

/// Lines, of which a test hears before each is framed.
struct WatchedLines: FrameCodec {
    private let lines = LineCodec()
    private let isFramed: @Sendable (_ count: Int) -> Void

    init(isFramed: @escaping @Sendable (_ count: Int) -> Void) {
        self.isFramed = isFramed
    }

    var maximumLength: Int { lines.maximumLength }

    func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
        try lines.firstFrame(in: bytes, memory: memory)
    }

    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        isFramed(payload.count)
        return try lines.wrapper(of: payload)
    }
}
