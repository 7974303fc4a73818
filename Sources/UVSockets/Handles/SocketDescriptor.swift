internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The number of a socket, with system calls of our own on it. It owns nothing: the code that
/// opened the socket must close it.
struct SocketDescriptor: Sendable {
    let number: Int32

    /// Makes a stream socket that does not block. Child processes do not inherit it.
    ///
    /// - Returns: The socket. If the system has none left, its number is negative, and `errno`
    ///   says why.
    static func make(_ family: Int32) -> SocketDescriptor {
        #if canImport(Glibc)
            let flags = Int32(
                SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            return SocketDescriptor(number: Glibc.socket(family, flags, 0))
        #else
            let number = Darwin.socket(family, SOCK_STREAM, 0)
            if number >= 0 {
                _ = fcntl(number, F_SETFD, FD_CLOEXEC)
                _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
            }
            return SocketDescriptor(number: number)
        #endif
    }

    /// Makes a socket that connects from a given address of this machine.
    ///
    /// - Parameter address: The address. With port 0 the system chooses the port.
    /// - Returns: The socket.
    /// - Throws: ``UVError`` that names the call and the address.
    static func make(boundTo address: SocketAddress) throws(UVError) -> SocketDescriptor {
        let made = make(address.isIPv6 ? AF_INET6 : AF_INET)
        func failure(_ call: String) -> UVError {
            let code = UVError.Code(rawValue: uv_translate_sys_error(errno))
            let isForeign = code == .addressNotAvailable
            return UVError(
                call: call, subject: "\(address.endpoint)", code: code,
                reason: isForeign ? "this machine does not have that address" : nil)
        }
        guard made.number >= 0 else { throw failure("make socket") }
        var yes: Int32 = 1
        if address.port != 0 {
            // The port of a connection that has ended is free again at once.
            made.set(SOL_SOCKET, SO_REUSEADDR, &yes)
        } else {
            #if canImport(Glibc)
                // IP_BIND_ADDRESS_NO_PORT, ip(7): the system chooses the port when the socket
                // connects. So connections to different servers may have the same port.
                made.set(Int32(IPPROTO_IP), 24, &yes)
            #endif
        }
        guard unsafe address.withSockaddr({ unsafe bind(made.number, $0, $1) }) == 0 else {
            let error = failure("bind")
            made.close()
            throw error
        }
        return made
    }

    /// Connects to a Unix-domain socket without waiting.
    ///
    /// - Returns: The socket; nil if the server's backlog is full.
    static func connect(to address: UnixAddress) -> Result<SocketDescriptor?, UVError.Code> {
        let made = make(AF_UNIX)
        func failure() -> UVError.Code { .init(rawValue: uv_translate_sys_error(errno)) }
        guard made.number >= 0 else { return .failure(failure()) }
        while unsafe address.withSockaddr({ unsafe systemConnect(made.number, $0, $1) }) != 0 {
            if errno == EINTR { continue }
            let code = failure()
            made.close()
            return code == .again ? .success(nil) : .failure(code)
        }
        return .success(made)
    }

    /// The process at the other end of a Unix-domain socket; nil if the system does not tell.
    var peerCredentials: UVPeerCredentials? {
        #if canImport(Glibc)
            // A `ucred`: the process, its user and its group. Glibc declares it for GNU programs
            // only.
            var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
            var length = socklen_t(MemoryLayout.size(ofValue: credentials))
            guard
                unsafe getsockopt(number, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0
            else { return nil }
            return UVPeerCredentials(
                pid: credentials.pid, uid: credentials.uid, gid: credentials.gid)
        #else
            var (uid, gid) = (uid_t(), gid_t())
            guard unsafe getpeereid(number, &uid, &gid) == 0 else { return nil }
            return UVPeerCredentials(pid: 0, uid: uid, gid: gid)
        #endif
    }

    /// The address that a Unix-domain socket is bound to, in the form of the system: a path, or an
    /// abstract name after a NUL. It is empty if there is none.
    var unixName: [UInt8] {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe UnsafeMutableRawPointer(pointer).withMemoryRebound(
                to: sockaddr.self, capacity: 1
            ) { unsafe getsockname(number, $0, &length) }
        }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        guard status == 0, Int(length) > offset else { return [] }
        let name = unsafe withUnsafeBytes(of: address.sun_path) { path in
            unsafe Array(path.prefix(Int(length) - offset))
        }
        // In an abstract name every byte counts.
        return name.first == 0 ? name : Array(name.prefix { $0 != 0 })
    }

    /// Closes the socket.
    func close() {
        #if canImport(Glibc)
            _ = Glibc.close(number)
        #else
            _ = Darwin.close(number)
        #endif
    }

    /// Closes a listening socket. It stops listening at once, even if a child process still has the
    /// descriptor. A child has every descriptor from its fork to its `exec`.
    func closeListening() {
        _ = shutdown(number, Int32(SHUT_RD))
        close()
    }

    /// Prepares the socket so that closing it resets its connection and drops unsent bytes.
    func resetWhenClosed() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        set(SOL_SOCKET, SO_LINGER, &linger)
    }

    // MARK: - Options

    /// Sets whether small writes leave at once and do not wait for an acknowledgement
    /// (TCP_NODELAY).
    func setNoDelay(_ enabled: Bool) {
        var value: Int32 = enabled ? 1 : 0
        set(Int32(IPPROTO_TCP), TCP_NODELAY, &value)
    }

    /// Makes the kernel probe a peer while no sent bytes are in transit to it; nil switches that
    /// off.
    ///
    /// ``UVConnection/checkPeer(_:)`` finds a peer that leaves sent bytes unacknowledged.
    /// TCP_USER_TIMEOUT is not used for that. It would also end a peer that is there but does not
    /// read, because the kernel counts window probes as failures although they are acknowledged
    /// (Linux `tcp_probe_timer`).
    ///
    /// `uv_tcp_keepalive` is not used, because its interval and count are fixed.
    func setKeepAlive(_ keepAlive: UVKeepAlive?) {
        var enabled: Int32 = keepAlive == nil ? 0 : 1
        set(SOL_SOCKET, SO_KEEPALIVE, &enabled)
        guard let keepAlive else { return }
        var (idle, interval, count) = keepAlive.kernelValues
        #if canImport(Glibc)
            set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, &idle)
        #else
            set(Int32(IPPROTO_TCP), TCP_KEEPALIVE, &idle)
        #endif
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, &interval)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, &count)
        #if canImport(Glibc)
            // TCP_RTO_MAX_MS, since Linux 6.15: the kernel repeats unacknowledged bytes, and probes
            // a closed window, often enough to tell within the time whether the peer is there.
            var longestRepeat = Int32(clamping: min(max(1000, keepAlive.patience / 4), 120_000))
            set(Int32(IPPROTO_TCP), 44, &longestRepeat)
        #endif
    }

    /// Sets an option. Errors are ignored: a socket may refuse an option because its peer is gone,
    /// and it still reports that.
    func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: inout Value) {
        _ = unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Value>.size))
    }

    // MARK: - State

    /// The address that the socket is bound to.
    var localAddress: SocketAddress? {
        unsafe Self.address { unsafe getsockname(number, $0, $1) }
    }

    /// The other end's address; nil if the socket is not connected.
    var peerAddress: SocketAddress? {
        unsafe Self.address { unsafe getpeername(number, $0, $1) }
    }

    /// An address that a system call writes; nil if the call fails with a number below 0.
    static func address(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe UnsafeMutableRawPointer(storage).withMemoryRebound(
                to: sockaddr.self, capacity: 1
            ) { pointer in
                guard unsafe ask(pointer, &length) >= 0 else { return nil }
                return unsafe SocketAddress(pointer)
            }
        }
    }

    /// How many bytes the kernel has taken to send but the peer has not acknowledged, including its
    /// FIN; 0 if the system does not tell.
    var bytesUnacknowledged: Int {
        #if canImport(Glibc)
            // For a TCP socket TIOCOUTQ is SIOCOUTQ, tcp(7).
            ask(UInt(TIOCOUTQ))
        #else
            0
        #endif
    }

    /// How many bytes the kernel has received but nobody has read.
    var bytesUnread: Int { ask(UInt(FIONREAD)) }

    private func ask(_ request: UInt) -> Int {
        var count: Int32 = 0
        return unsafe ioctl(number, request, &count) == 0 ? Int(count) : 0
    }

    /// How long the peer has not answered what the kernel has sent again; nil if it has answered,
    /// or the system does not tell.
    var unanswered: Unanswered? {
        #if canImport(Glibc)
            var info = tcp_info()
            var length = socklen_t(MemoryLayout<tcp_info>.size)
            let status = unsafe getsockopt(
                number, Int32(IPPROTO_TCP), TCP_INFO, &info, &length)
            guard status == 0, info.tcpi_retransmits > 0 || info.tcpi_probes > 0 else { return nil }
            return Unanswered(
                quiet: UInt64(info.tcpi_last_ack_recv), isProbing: info.tcpi_probes > 0)
        #else
            return nil
        #endif
    }

    /// The error by which the connection is gone; nil if it is not gone.
    ///
    /// It works although nothing is read: libuv does not notice a reset while reading is stopped.
    /// The kernel forgets the error after the first call. Later calls return a reset.
    ///
    /// The answer comes from the socket's error. A hang-up proves nothing: both sides may have
    /// finished while bytes still wait to be read.
    func takeError() -> UVError.Code? {
        var request = pollfd(fd: number, events: 0, revents: 0)
        guard unsafe poll(&request, 1, 0) == 1, Int32(request.revents) & POLLERR != 0 else {
            return nil
        }
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &length)
        return error > 0 ? .init(rawValue: uv_translate_sys_error(error)) : .connectionReset
    }
}

/// The state of a peer that does not answer.
struct Unanswered: Equatable {
    /// How many milliseconds ago it last acknowledged something.
    var quiet: UInt64
    /// Whether its window is closed. Then the kernel has probed it all the time.
    var isProbing: Bool
}

extension UVKeepAlive {
    /// The values for the kernel, with times in seconds. Each is at least 1, and at most what the
    /// kernel accepts (Linux `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`, `MAX_TCP_KEEPCNT`), because
    /// it ignores larger values.
    fileprivate var kernelValues: (idle: Int32, interval: Int32, count: Int32) {
        func seconds(_ duration: Duration) -> Int32 {
            Int32(min(max(.seconds(1), duration), .seconds(32_767)).components.seconds)
        }
        return (seconds(idle), seconds(interval), Int32(clamping: min(max(1, count), 127)))
    }

    /// After how many milliseconds without any sign from it a peer counts as gone.
    var patience: UInt64 {
        let (idle, interval, count) = kernelValues
        return (UInt64(idle) + UInt64(interval) * UInt64(count)) * 1000
    }
}

/// The system's `connect`, under another name than the method's.
private func systemConnect(
    _ socket: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t
) -> Int32 {
    unsafe connect(socket, address, length)
}
