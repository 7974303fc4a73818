internal import CLibuv

/// The loop's one receive buffer, lent to libuv for each read: an idle connection owns none.
@safe final class ReceiveBuffer {
    static let capacity = 64 * 1024

    private let storage = UnsafeMutableRawPointer.allocate(
        byteCount: ReceiveBuffer.capacity, alignment: 4096)

    deinit {
        unsafe storage.deallocate()
    }

    /// Where the buffer begins; every loop has its own in its `data`.
    var base: UnsafeMutableRawPointer { unsafe storage }

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
    func withBytes<Result, Failure: Error>(
        _ count: Int, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(0...Self.capacity ~= count, "more was received than the buffer holds")
        let bytes = unsafe UnsafeRawBufferPointer(start: storage, count: count)
        return try unsafe bytes.withMemoryRebound(to: UInt8.self) { bytes throws(Failure) in
            try unsafe body(bytes.span)
        }
    }

    /// Whether the bytes lie in this buffer, and so stay where they are until the next read.
    @inline(__always)
    func contains(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.baseAddress else { return false }
        return unsafe isWithin(first - UnsafeRawPointer(storage), bytes.count)
    }

    /// The payload with its ends, where it lies in this buffer and they stand around it; else nil.
    @inline(__always)
    func frame(
        of payload: UnsafeRawBufferPointer, between ends: FrameEnds
    ) -> UnsafeRawBufferPointer? {
        guard let first = payload.baseAddress else { return nil }
        let start = unsafe first - UnsafeRawPointer(storage) - ends.prefix.count
        let count = ends.count + payload.count
        guard isWithin(start, count) else { return nil }
        let frame = unsafe UnsafeRawBufferPointer(start: storage + start, count: count)
        guard unsafe ends.prefix.isBeginning(of: frame),
            unsafe ends.suffix.isBeginning(
                of: UnsafeRawBufferPointer(rebasing: frame[(frame.count - ends.suffix.count)...]))
        else { return nil }
        return unsafe frame
    }

    @inline(__always)
    private func isWithin(_ start: Int, _ count: Int) -> Bool {
        0...Self.capacity ~= start && count <= Self.capacity - start
    }
}
