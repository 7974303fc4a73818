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

    private var user: ObjectIdentifier?
    private var count = 0
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 16 * 1024, alignment: 64)
    private var scratchUsed = 0

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
        user = nil
    }

    func isUsed(by connection: UVConnection) -> Bool {
        user == ObjectIdentifier(connection)
    }

    /// Adds the bytes, all or none.
    ///
    /// - Returns: Whether there was room; if not, what is gathered must be written first.
    func append(_ bytes: Span<UInt8>, received: ReceiveBuffer) -> Bool {
        unsafe bytes.withUnsafeBytes { source in
            let isLasting = unsafe received.contains(source)
            guard unsafe isLasting || source.count <= scratch.count - scratchUsed else {
                return false
            }
            var source = unsafe source
            if !isLasting {
                let room = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: scratch[scratchUsed..<scratchUsed + source.count])
                unsafe room.copyMemory(from: source)
                unsafe source = UnsafeRawBufferPointer(room)
            }
            guard unsafe extendLast(by: source) || add(source) else { return false }
            scratchUsed += isLasting ? 0 : source.count
            self.bytes += source.count
            return true
        }
    }

    private func extendLast(by bytes: UnsafeRawBufferPointer) -> Bool {
        guard count > 0, let base = unsafe buffers[count - 1].base,
            unsafe UnsafeRawPointer(base) + buffers[count - 1].len == bytes.baseAddress
        else { return false }
        unsafe buffers[count - 1].len += bytes.count
        return true
    }

    private func add(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard unsafe count < buffers.count else { return false }
        unsafe buffers[count] = uv_buf_t(bytes)
        count += 1
        return true
    }

    /// Writes what is gathered as far as the kernel takes it.
    ///
    /// - Returns: How many bytes that was, from 0.
    func write(to handle: TCPHandle) throws(UVError.Code) -> Int {
        try unsafe handle.tryWrite(buffers, count)
    }

    /// Copies what is gathered behind the first bytes to a queue.
    func move(from start: Int, to queue: inout SendQueue) {
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
