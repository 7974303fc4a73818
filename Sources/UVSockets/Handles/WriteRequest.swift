internal import CLibuv

/// One write in flight. It keeps the bytes alive until libuv is done with them.
@safe final class WriteRequest {
    private let memory = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
    private let handle: StreamHandle
    private var buffers: [SendBuffer] = []
    private(set) var bytes = 0

    init(of handle: StreamHandle) {
        self.handle = handle
    }

    deinit {
        unsafe memory.deallocate()
    }

    func retain(_ queue: SendQueue, _ count: Int, _ bytes: Int) {
        buffers = (0..<count).map { queue[$0].buffer }
        self.bytes = bytes
    }

    /// The memory for libuv, which retains the request until it completes.
    func start() -> UnsafeMutablePointer<uv_write_t> {
        unsafe memory.pointee.data = Unmanaged.passRetained(self).toOpaque()
        return unsafe memory
    }

    /// Releases the request, because libuv did not take it.
    func abandon() {
        unsafe Unmanaged.passUnretained(self).release()
    }

    static func completed(_ request: UnsafeMutablePointer<uv_write_t>?, _ status: Int32) {
        guard let data = unsafe request?.pointee.data else { return }
        let request = unsafe Unmanaged<WriteRequest>.fromOpaque(data).takeRetainedValue()
        request.ended(
            taken: request.taken, error: status < 0 ? UVError.Code(rawValue: status) : nil)
    }

    /// Handles the end of the write. The kernel has taken `taken` bytes.
    func ended(taken: Int, error: UVError.Code?) {
        handle.loop.callback {
            handle.withConnection { $0.writeCompleted(bytes: taken, error: error) }
        }
    }

    /// How many bytes the kernel has taken, also if the write failed or was cancelled half-way.
    ///
    /// libuv advances its own copy of the buffers as the kernel takes them. This copy is inside the
    /// request, because there are never more buffers than fit there.
    private var taken: Int {
        let (next, end) = unsafe (Int(memory.pointee.write_index), Int(memory.pointee.nbufs))
        let left = unsafe withUnsafeBytes(of: memory.pointee.bufsml) { buffers in
            unsafe buffers.assumingMemoryBound(to: uv_buf_t.self)[next..<end]
                .reduce(0) { unsafe $0 + $1.len }
        }
        return bytes - left
    }
}
