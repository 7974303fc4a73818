internal import CLibuv

/// The loop's one receive buffer, lent to libuv for each read: an idle connection owns none.
@safe final class ReceiveBuffer {
    static let capacity = 64 * 1024

    private let storage = UnsafeMutableRawBufferPointer.allocate(
        byteCount: ReceiveBuffer.capacity, alignment: 4096)

    deinit {
        unsafe storage.deallocate()
    }

    /// Where the buffer begins; every loop has its own in its `data`.
    var base: UnsafeMutableRawPointer? { unsafe storage.baseAddress }

    /// Tells libuv where to read to.
    static func lend(
        of handle: UnsafeMutablePointer<uv_handle_t>?, to buffer: UnsafeMutablePointer<uv_buf_t>?
    ) {
        let base = unsafe handle?.pointee.loop.pointee.data
        unsafe buffer?.pointee = unsafe uv_buf_t(
            base: base?.assumingMemoryBound(to: CChar.self), len: capacity)
    }

    /// Shows the first bytes, which are overwritten by the next read of any connection.
    @inline(__always)
    func withBytes(_ count: Int, _ body: (Span<UInt8>) -> Void) {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: storage[..<count])
        unsafe bytes.withMemoryRebound(to: UInt8.self) { unsafe body($0.span) }
    }

    /// Whether the bytes lie in this buffer, and so stay where they are until the next read.
    @inline(__always)
    func contains(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.baseAddress, let start = unsafe storage.baseAddress else {
            return false
        }
        return unsafe first >= start && first + bytes.count <= start + storage.count
    }

    /// The payload with its ends, where it lies in this buffer and they stand around it; else nil.
    @inline(__always)
    func frame(
        of payload: UnsafeRawBufferPointer, between ends: FrameEnds
    ) -> UnsafeRawBufferPointer? {
        guard let first = payload.baseAddress else { return nil }
        let frame = unsafe UnsafeRawBufferPointer(
            start: first - ends.prefix.count, count: ends.count + payload.count)
        guard unsafe contains(frame), unsafe ends.prefix.isBeginning(of: frame),
            unsafe ends.suffix.isBeginning(
                of: UnsafeRawBufferPointer(rebasing: frame[(frame.count - ends.suffix.count)...]))
        else { return nil }
        return unsafe frame
    }
}
