internal import CLibuv

/// One TCP socket.
@safe final class TCPHandle: StreamHandle {
    /// Makes a handle without a socket.
    init(on loop: UVLoop) throws(UVError) {
        try unsafe super.init(UV_TCP, on: loop, call: "make socket") { memory in
            unsafe uv_tcp_init(loop.raw, memory.assumingMemoryBound(to: uv_tcp_t.self))
        }
    }

    /// Makes a handle of a connected socket and takes ownership of the socket, unless this throws.
    convenience init(on loop: UVLoop, owning socket: SocketDescriptor) throws(UVError) {
        try self.init(on: loop)
        let status = unsafe uv_tcp_open(tcp, socket.number)
        guard status == 0 else {
            close()
            throw UVError(call: "open", code: .init(rawValue: status))
        }
    }

    override var name: String {
        let local = localAddress.map { " \($0.endpoint)" } ?? ""
        let peer = peerAddress.map { " to \($0.endpoint)" } ?? ""
        return "socket\(local)\(peer)"
    }

    var tcp: UnsafeMutablePointer<uv_tcp_t> { unsafe raw() }

    /// The other end's address; nil if the socket is not connected.
    var peerAddress: SocketAddress? { socket?.peerAddress }

    override func setOptions(noDelay: Bool, keepAlive: UVKeepAlive?) {
        socket?.setNoDelay(noDelay)
        socket?.setKeepAlive(keepAlive)
    }

    override func setBuffering(of options: UVConnectionOptions) {
        super.setBuffering(of: options)
        if let limit = options.unsentLimit { socket?.setUnsentLimit(limit) }
    }
}
