internal import CLibuv

/// Gathers what a connection sends within its own receive callback, to be written at its end.
///
/// Bytes of the loop's receive buffer, which outlive the callback, are kept by reference: an echo
/// copies nothing, and neighbouring ranges become one. Others are copied into a scratch buffer.
@safe final class Cork {
    /// Where libuv is told what to write; while the cork is in use, what is in it.
    let buffers = UnsafeMutableBufferPointer<uv_buf_t>.allocate(capacity: 64)
    /// How many bytes are gathered.
    private(set) var bytes = 0

    private let received: ReceiveBuffer
    /// Whose it is; nobody's where it is the buffer's.
    private var user: ObjectIdentifier
    private var count = 0
    private static let scratchSize = 16 * 1024
    /// With room for an end that is written in whole words.
    private let scratch = UnsafeMutableRawPointer.allocate(
        byteCount: Cork.scratchSize + FrameEnds.Bytes.sizeInWords, alignment: 64)
    private var scratchUsed = 0

    init(_ received: ReceiveBuffer) {
        self.received = received
        user = ObjectIdentifier(received)
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

    /// Adds the bytes, all or none.
    ///
    /// - Returns: Whether there was room; if not, what is gathered must be written first.
    func append(_ bytes: Span<UInt8>) -> Bool {
        unsafe bytes.withUnsafeBytes { source in
            if unsafe received.contains(source) { return unsafe take(source) }
            return unsafe copy(source, between: FrameEnds())
        }
    }

    /// Adds a payload between its ends, all or none. One that stands between the same ends in the
    /// receive buffer, as a frame does that is sent back, is kept by reference together with them.
    ///
    /// - Returns: Whether there was room; if not, what is gathered must be written first.
    @inline(__always)
    func append(_ payload: Span<UInt8>, between ends: FrameEnds) -> Bool {
        unsafe payload.withUnsafeBytes { source in
            if let frame = unsafe received.frame(of: source, between: ends) {
                return unsafe take(frame)
            }
            return unsafe copy(source, between: ends)
        }
    }

    @inline(__always)
    private func copy(_ payload: UnsafeRawBufferPointer, between ends: FrameEnds) -> Bool {
        let size = ends.count + payload.count
        guard size <= Self.scratchSize - scratchUsed else { return false }
        let room = unsafe scratch + scratchUsed
        guard unsafe take(UnsafeRawBufferPointer(start: room, count: size)) else { return false }
        // In this order: what an end's words hold too much is overwritten, or not used yet.
        unsafe ends.prefix.writeWords(to: room)
        let middle = unsafe room + ends.prefix.count
        if let bytes = payload.baseAddress {
            unsafe middle.copyMemory(from: bytes, byteCount: payload.count)
        }
        unsafe ends.suffix.writeWords(to: middle + payload.count)
        scratchUsed += size
        return true
    }

    /// Refers to bytes that stay where they are until the callback ends.
    @inline(__always)
    private func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard unsafe extendLast(by: bytes) || add(bytes) else { return false }
        self.bytes += bytes.count
        return true
    }

    @inline(__always)
    private func extendLast(by bytes: UnsafeRawBufferPointer) -> Bool {
        guard count > 0, let base = unsafe buffers[count - 1].base,
            unsafe UnsafeRawPointer(base) + buffers[count - 1].len == bytes.baseAddress
        else { return false }
        unsafe buffers[count - 1].len += bytes.count
        return true
    }

    @inline(__always)
    private func add(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard unsafe count < buffers.count else { return false }
        unsafe buffers[count] = uv_buf_t(bytes)
        count += 1
        return true
    }

    /// Writes what is gathered as far as the kernel takes it.
    ///
    /// - Returns: How many bytes that was, from 0.
    @inline(__always)
    func write(to handle: TCPHandle) throws(UVError.Code) -> Int {
        try unsafe handle.tryWrite(buffers, count)
    }

    /// Copies what is gathered behind the first bytes to a queue.
    func move(from start: Int, to queue: SendQueue) {
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
        bytes = 0
        scratchUsed = 0
    }
}
