internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One TCP socket: it listens, or it is one end of a connection.
///
/// The three operations with a ``SocketEventArgs``, `accept`, `receive` and `connect`, answer
/// whether they are *pending*. Pending ones call back later; one that is not pending is complete
/// already, does not call, and leaves that to its caller.
@safe final class TCPHandle: Handle {
    // Receiving: demand is renewed, or not, in each callback. What each message touches stands
    // together, in a cache line.
    var isReading = false
    var isDelivering = false
    var isReceiveDemanded = false

    // Listening: whether a request waits for a connection, or a connection waits for a request.
    var isAcceptPending = false
    var hasWaitingConnection = false

    /// The connection whose socket this is, retained until the handle is closed: one that nobody
    /// holds lives on. Unmanaged, so that a call for each message need not retain it again.
    private var connection: Unmanaged<UVConnection>?
    var acceptArgs: SocketEventArgs?

    /// Makes a handle without a socket.
    ///
    /// libuv keeps a spare descriptor, and when descriptors run out it spends it on accepting
    /// clients only to drop them, silently. The spare is put out of its sight between inits, so
    /// that it reports EMFILE and the clients stay in the backlog.
    convenience init(on loop: UVLoop) throws(UVError) {
        try self.init(on: loop, family: AF_UNSPEC)
    }

    /// Makes a handle whose socket may listen where others do that share their port, too: the kernel
    /// then spreads the clients among them.
    convenience init(on loop: UVLoop, sharingPortOf address: SocketAddress) throws(UVError) {
        try self.init(on: loop, family: address.isIPv6 ? AF_INET6 : AF_INET)
        var enabled: Int32 = 1
        set(SOL_SOCKET, SO_REUSEPORT, &enabled)
    }

    private init(on loop: UVLoop, family: Int32) throws(UVError) {
        try unsafe super.init(UV_TCP, on: loop, call: "make socket") { memory in
            unsafe loop.raw.pointee.emfile_fd = loop.spareDescriptor
            defer {
                unsafe loop.spareDescriptor = loop.raw.pointee.emfile_fd
                unsafe loop.raw.pointee.emfile_fd = -1
            }
            return unsafe uv_tcp_init_ex(
                loop.raw, memory.assumingMemoryBound(to: uv_tcp_t.self), UInt32(family))
        }
    }

    override var name: String {
        let local = localAddress.map { " \($0.endpoint)" } ?? ""
        let peer = peerAddress.map { " to \($0.endpoint)" } ?? ""
        return "socket\(local)\(peer)"
    }

    var stream: UnsafeMutablePointer<uv_stream_t> { unsafe raw() }
    var tcp: UnsafeMutablePointer<uv_tcp_t> { unsafe raw() }

    /// The socket's descriptor; nil before there is one and once it is closed.
    var descriptor: Int32? {
        var descriptor: uv_os_fd_t = -1
        return unsafe uv_fileno(base, &descriptor) == 0 ? descriptor : nil
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
        acceptArgs = nil
    }

    /// Closes the socket so that the peer gets a reset, and what is unsent is dropped.
    ///
    /// Not by `uv_tcp_close_reset`, which refuses after a shutdown and then does not close.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        set(SOL_SOCKET, SO_LINGER, &linger)
        close()
    }

    /// Tells the peer that no more bytes follow. The caller has seen to it that none is queued.
    func finishSending() {
        guard let descriptor else { return }
        // Fails only where the peer has gone, which reading reports.
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }
}

// MARK: - Addresses

extension TCPHandle {
    /// The address this end is bound to.
    var localAddress: SocketAddress? {
        unsafe address { unsafe uv_tcp_getsockname(tcp, $0, $1) }
    }

    /// The other end's address; nil when the socket is not connected.
    var peerAddress: SocketAddress? {
        unsafe address { unsafe uv_tcp_getpeername(tcp, $0, $1) }
    }

    private func address(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<Int32>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe UnsafeMutableRawPointer(storage).withMemoryRebound(
                to: sockaddr.self, capacity: 1
            ) { pointer in
                guard unsafe ask(pointer, &length) == 0 else { return nil }
                return unsafe SocketAddress(pointer)
            }
        }
    }
}

// MARK: - Options

extension TCPHandle {
    /// Whether small writes leave at once rather than wait for an acknowledgement (TCP_NODELAY).
    func setNoDelay(_ enabled: Bool) {
        var value: Int32 = enabled ? 1 : 0
        set(Int32(IPPROTO_TCP), TCP_NODELAY, &value)
    }

    /// Probes a silent peer; nil does not. A peer that leaves sent bytes unacknowledged is given up
    /// after the same time, where TCP alone would go on for a quarter of an hour.
    ///
    /// Not by `uv_tcp_keepalive`, whose interval and count are fixed.
    func setKeepAlive(_ keepAlive: UVKeepAlive?) {
        var enabled: Int32 = keepAlive == nil ? 0 : 1
        set(SOL_SOCKET, SO_KEEPALIVE, &enabled)
        guard let keepAlive else { return }
        var idle = Int32(clamping: max(1, keepAlive.idle.components.seconds))
        var interval = Int32(clamping: max(1, keepAlive.interval.components.seconds))
        var count = Int32(clamping: max(1, keepAlive.count))
        #if canImport(Glibc)
            set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, &idle)
        #else
            set(Int32(IPPROTO_TCP), TCP_KEEPALIVE, &idle)
        #endif
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, &interval)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, &count)
        #if canImport(Glibc)
            let (product, overflow) = interval.multipliedReportingOverflow(by: count)
            var patience = overflow ? Int32.max : Int32(clamping: (Int(idle) + Int(product)) * 1000)
            set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &patience)
        #endif
    }

    /// Options are hints: a socket that refuses one, because its peer is gone, still reports that.
    private func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: inout Value)
    {
        guard let descriptor else { return }
        _ = unsafe setsockopt(
            descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
    }

    /// How many bytes the kernel has taken to send that the peer has not acknowledged; 0 where the
    /// system does not tell.
    var bytesUnacknowledged: Int {
        #if canImport(Glibc)
            var count: Int32 = 0
            // For a TCP socket TIOCOUTQ is SIOCOUTQ, tcp(7).
            guard let descriptor, unsafe ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 else {
                return 0
            }
            return Int(count)
        #else
            return 0
        #endif
    }

    /// Whether the connection was reset although nothing is read from it: libuv does not notice a
    /// reset while reading is stopped.
    ///
    /// Told by the socket's error. A hang-up proves nothing: both sides may have finished while bytes
    /// still wait to be read.
    var hasBeenReset: Bool {
        guard let descriptor else { return true }
        var request = pollfd(fd: descriptor, events: 0, revents: 0)
        guard unsafe poll(&request, 1, 0) == 1 else { return false }
        return Int32(request.revents) & POLLERR != 0
    }
}
