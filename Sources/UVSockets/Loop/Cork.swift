internal import CLibuv

/// Gathers what a connection sends in its receive callback, and writes it when the callback ends.
///
/// Bytes in the loop's receive buffer stay valid until the callback ends, so the cork only refers
/// to them. An echo therefore copies nothing. Neighbouring ranges become one range. All other bytes
/// are copied into a scratch buffer.
@safe final class Cork {
    /// The gathered ranges in the form that libuv writes, except the last range.
    private let buffers = UnsafeMutableBufferPointer<uv_buf_t>.allocate(capacity: 64)
    private var count = 0
    private var bytesInBuffers = 0
    /// The last range; it is empty if nothing is gathered. Bytes that begin at its end extend it.
    private var lastStart: UnsafeRawPointer
    private var lastEnd: UnsafeRawPointer

    private let received: ReceiveBuffer
    /// The connection that uses the cork now. The receive buffer itself means none.
    private var user: ObjectIdentifier
    private static let scratchSize = 16 * 1024
    /// Larger than `scratchSize`, because a frame's prefix and suffix are written in whole words.
    private let scratch = UnsafeMutableRawPointer.allocate(
        byteCount: Cork.scratchSize + FrameWrapper.Bytes.sizeInWords, alignment: 64)
    private var scratchUsed = 0

    init(_ received: ReceiveBuffer) {
        self.received = received
        user = ObjectIdentifier(received)
        unsafe lastStart = UnsafeRawPointer(received.base)
        unsafe lastEnd = lastStart
    }

    deinit {
        unsafe buffers.deallocate()
        unsafe scratch.deallocate()
    }

    /// The connection begins its receive callback.
    func begin(for connection: UVConnection) {
        user = ObjectIdentifier(connection)
    }

    /// The callback has ended and what was gathered has been written or queued.
    func end() {
        user = ObjectIdentifier(received)
    }

    func isUsed(by connection: UVConnection) -> Bool {
        user == ObjectIdentifier(connection)
    }

    /// How many bytes are gathered.
    var bytes: Int { unsafe bytesInBuffers + (lastEnd - lastStart) }

    /// Adds the bytes, all or none.
    ///
    /// - Returns: Whether there was room. If not, the caller must first write what is gathered.
    func append(_ bytes: Span<UInt8>) -> Bool {
        unsafe withMemory(of: bytes) { first in
            if unsafe received.contains(first, bytes.count) {
                return unsafe take(first, bytes.count)
            }
            return unsafe copy(first, bytes.count, between: FrameWrapper())
        }
    }

    /// Adds a payload with its prefix and suffix, all or none.
    ///
    /// If the payload already stands between the same prefix and suffix in the receive buffer,
    /// nothing is copied: the cork refers to all three. That is so for a frame that is sent back.
    ///
    /// - Returns: Whether there was room. If not, the caller must first write what is gathered.
    @inline(__always)
    func append(_ payload: Span<UInt8>, between ends: FrameWrapper) -> Bool {
        unsafe withMemory(of: payload) { first in
            if unsafe received.holdsFrame(of: first, payload.count, between: ends) {
                return unsafe take(first - ends.prefix.count, ends.count &+ payload.count)
            }
            return unsafe copy(first, payload.count, between: ends)
        }
    }

    /// Calls a closure with the address of the bytes, or with any valid address if there are none.
    @inline(__always)
    private func withMemory(of bytes: Span<UInt8>, _ body: (UnsafeRawPointer) -> Bool) -> Bool {
        unsafe bytes.withUnsafeBytes { unsafe body($0.baseAddress ?? UnsafeRawPointer(scratch)) }
    }

    @inline(__always)
    private func copy(_ payload: UnsafeRawPointer, _ count: Int, between ends: FrameWrapper) -> Bool
    {
        // Both sizes are of bytes in memory, so their sums do not overflow.
        let size = ends.count &+ count
        guard size <= Self.scratchSize &- scratchUsed else { return false }
        let room = unsafe scratch + scratchUsed
        guard unsafe take(room, size) else { return false }
        // The order matters. Whole words hold more bytes than the prefix or suffix has. The next
        // write replaces the excess, or the excess lies in room that is not used yet.
        unsafe ends.prefix.writeWords(to: room)
        let middle = unsafe room + ends.prefix.count
        unsafe middle.copyMemory(from: payload, byteCount: count)
        unsafe ends.suffix.writeWords(to: middle + count)
        scratchUsed &+= size
        return true
    }

    /// Refers to bytes that do not move until the callback ends.
    @inline(__always)
    private func take(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
        if unsafe bytes != lastEnd, unsafe !beginRange(at: bytes) { return false }
        unsafe lastEnd += count
        return true
    }

    private func beginRange(at bytes: UnsafeRawPointer) -> Bool {
        // One buffer is left for the last range.
        guard unsafe count < buffers.count - 1 else { return false }
        completeLast()
        unsafe lastStart = bytes
        unsafe lastEnd = bytes
        return true
    }

    /// Adds the last range to the others.
    private func completeLast() {
        guard unsafe lastEnd > lastStart else { return }
        unsafe buffers[count] = uv_buf_t(
            UnsafeRawBufferPointer(start: lastStart, count: lastEnd - lastStart))
        count += 1
        unsafe bytesInBuffers += lastEnd - lastStart
        unsafe lastStart = lastEnd
    }

    /// Writes as much of the gathered bytes as the kernel takes now.
    ///
    /// - Returns: How many bytes the kernel took, from 0.
    @inline(__always)
    func write(to handle: StreamHandle) throws(UVError.Code) -> Int {
        completeLast()
        return try unsafe handle.tryWrite(buffers, count)
    }

    /// Skips the first gathered bytes, up to `start`, and copies the rest to a queue.
    func move(from start: Int, to queue: SendQueue) {
        completeLast()
        var skip = start
        for index in 0..<count {
            let buffer = unsafe buffers[index]
            let skipped = unsafe min(skip, buffer.len)
            skip -= skipped
            let rest = unsafe UnsafeRawBufferPointer(
                start: buffer.base + skipped, count: buffer.len - skipped)
            unsafe rest.withMemoryRebound(to: UInt8.self) { unsafe queue.append(copying: $0.span) }
        }
    }

    /// Forgets what is gathered.
    func clear() {
        count = 0
        bytesInBuffers = 0
        unsafe lastStart = UnsafeRawPointer(received.base)
        unsafe lastEnd = lastStart
        scratchUsed = 0
    }
}
