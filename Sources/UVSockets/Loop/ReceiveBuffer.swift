internal import CLibuv

/// The loop's only receive buffer. It is lent to libuv for each read: an idle connection owns none.
@safe final class ReceiveBuffer {
    static let capacity = 64 * 1024

    /// Larger than `capacity`, because a frame's prefix and suffix are read in whole words.
    private let storage = UnsafeMutableRawPointer.allocate(
        byteCount: ReceiveBuffer.capacity + FrameWrapper.Bytes.sizeInWords, alignment: 4096)

    deinit {
        unsafe storage.deallocate()
    }

    /// The start of the buffer. The `data` of each loop points to its own.
    var base: UnsafeMutableRawPointer { unsafe storage }

    /// Tells libuv where to put the bytes of a read.
    static func lend(
        of handle: UnsafeMutablePointer<uv_handle_t>?, to buffer: UnsafeMutablePointer<uv_buf_t>?
    ) {
        let base = unsafe handle?.pointee.loop.pointee.data
        unsafe buffer?.pointee = unsafe uv_buf_t(
            base: base?.assumingMemoryBound(to: CChar.self), len: capacity)
    }

    /// Shows the first bytes. The next read of any connection overwrites them.
    @inline(__always)
    func withBytes(_ count: Int, _ body: (Span<UInt8>) -> Void) {
        precondition(
            0...Self.capacity ~= count, "more bytes were received than the buffer can hold")
        let bytes = unsafe UnsafeRawBufferPointer(start: storage, count: count)
        unsafe bytes.withMemoryRebound(to: UInt8.self) { unsafe body($0.span) }
    }

    /// Puts bytes into the buffer, at most what it can hold.
    ///
    /// - Returns: How many.
    func fill(_ bytes: [UInt8]) -> Int {
        let count = min(bytes.count, Self.capacity)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(start: storage, count: count)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
        }
        return count
    }

    /// Whether the bytes lie in this buffer. Then they do not move until the next read.
    @inline(__always)
    func contains(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
        unsafe isWithin(bytes - UnsafeRawPointer(storage), count)
    }

    /// Whether a payload lies in this buffer with this prefix and suffix around it.
    @inline(__always)
    func holdsFrame(
        of payload: UnsafeRawPointer, _ count: Int, between ends: FrameWrapper
    ) -> Bool {
        let start = unsafe payload - UnsafeRawPointer(storage) - ends.prefix.count
        return unsafe isWithin(start, ends.count &+ count)
            && ends.prefix.stand(in: storage + start) && ends.suffix.stand(in: payload + count)
    }

    @inline(__always)
    private func isWithin(_ start: Int, _ count: Int) -> Bool {
        // A start before the buffer is negative. As an unsigned number it is very large.
        count <= Self.capacity
            && UInt(bitPattern: start) <= UInt(bitPattern: Self.capacity &- count)
    }
}
