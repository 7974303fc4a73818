internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One TCP socket: one end of a connection.
///
/// The operations with a ``SocketEventArgs``, `receive` and `connect`, answer whether they are
/// *pending*. Pending ones call back later; one that is not pending is complete already, does not
/// call, and leaves that to its caller.
@safe final class TCPHandle: Handle {
    // Receiving: demand is renewed, or not, in each callback. What each message touches stands
    // together, in a cache line.
    var isReading = false
    var isDelivering = false
    var isReceiveDemanded = false

    /// The connection whose socket this is, retained until the handle is closed: one that nobody
    /// holds lives on. Unmanaged, so that a call for each message need not retain it again.
    private var connection: Unmanaged<UVConnection>?

    /// Makes a handle without a socket.
    init(on loop: UVLoop) throws(UVError) {
        try unsafe super.init(UV_TCP, on: loop, call: "make socket") { memory in
            unsafe uv_tcp_init(loop.raw, memory.assumingMemoryBound(to: uv_tcp_t.self))
        }
    }

    /// Makes a handle of a connected socket, which it owns from then on; not where this throws.
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

    var stream: UnsafeMutablePointer<uv_stream_t> { unsafe raw() }
    var tcp: UnsafeMutablePointer<uv_tcp_t> { unsafe raw() }

    /// The socket; nil before there is one and once it is closed.
    var socket: SocketDescriptor? {
        var number: uv_os_fd_t = -1
        return unsafe uv_fileno(base, &number) == 0 ? SocketDescriptor(number: number) : nil
    }

    /// Gives the socket to a connection, once.
    func attach(to connection: UVConnection) {
        unsafe self.connection = .passRetained(connection)
    }

    @inline(__always)
    func withConnection(_ body: (UVConnection) -> Void) {
        unsafe connection?._withUnsafeGuaranteedRef { body($0) }
    }

    override func didClose() {
        withConnection { $0.handleDidClose() }
        unsafe connection?.release()
        unsafe connection = nil
    }

    override func abort() {
        withConnection { $0.reset(.closed) }
        close()
    }

    /// Closes the socket so that the peer gets a reset, and what is unsent is dropped.
    ///
    /// Not by `uv_tcp_close_reset`, which refuses after a shutdown and then does not close.
    func reset() {
        socket?.resetWhenClosed()
        close()
    }

    /// Tells the peer that no more bytes follow. The caller has seen to it that none is queued.
    func finishSending() {
        guard let socket else { return }
        // Fails only where the peer has gone, which reading reports.
        _ = shutdown(socket.number, Int32(SHUT_WR))
    }
}

// MARK: - Addresses

extension TCPHandle {
    /// The address this end is bound to; nil when the socket is closed.
    var localAddress: SocketAddress? { socket?.localAddress }

    /// The other end's address; nil when the socket is not connected.
    var peerAddress: SocketAddress? { socket?.peerAddress }
}
