internal import CLibuv

/// One Unix-domain socket.
@safe final class PipeHandle: StreamHandle {
    /// Makes a handle of a connected socket and takes ownership of the socket, unless this throws.
    init(on loop: UVLoop, owning socket: SocketDescriptor) throws(UVError) {
        try unsafe super.init(UV_NAMED_PIPE, on: loop, call: "make socket") { memory in
            unsafe uv_pipe_init(loop.raw, memory.assumingMemoryBound(to: uv_pipe_t.self), 0)
        }
        let status = unsafe uv_pipe_open(raw(), socket.number)
        guard status == 0 else {
            close()
            throw UVError(call: "open", code: .init(rawValue: status))
        }
    }

    override var name: String { "Unix socket" }

    // What the kernel has taken is at the other end already.
    override var bytesUnacknowledged: Int { 0 }
    override var unanswered: Unanswered? { nil }
    override var localAddress: SocketAddress? { nil }
}
