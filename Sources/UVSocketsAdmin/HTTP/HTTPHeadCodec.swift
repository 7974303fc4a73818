import UVSockets

/// Finds the head of an HTTP request: what stands before the first empty line. Empty lines before it
/// are skipped (RFC 9112 §2.2). What is sent is not framed.
struct HTTPHeadCodec: FrameCodec {
    let maximumLength: Int

    func firstFrame(
        in bytes: Span<UInt8>, memory scanned: Int
    ) throws(FramingError) -> FrameSearch {
        var start = 0
        while start < bytes.count, bytes[start] == 0x0D || bytes[start] == 0x0A { start += 1 }
        // Three bytes of the end may have been seen.
        var index = max(start, scanned - 3)
        while index + 3 < bytes.count {
            if bytes[index] == 0x0D, bytes[index + 1] == 0x0A, bytes[index + 2] == 0x0D,
                bytes[index + 3] == 0x0A
            {
                guard index - start <= maximumLength else {
                    throw .frameTooLong(limit: maximumLength)
                }
                return .frame(payload: start..<index, end: index + 4)
            }
            index += 1
        }
        guard bytes.count <= maximumLength else { throw .frameTooLong(limit: maximumLength) }
        return .incomplete(memory: bytes.count, needed: bytes.count + 1)
    }

    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper { FrameWrapper() }
}
