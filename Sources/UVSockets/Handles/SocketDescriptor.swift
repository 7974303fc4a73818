internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The number of a socket, with what is asked of it by system calls of our own. It owns nothing:
/// whoever has opened the socket closes it.
struct SocketDescriptor: Sendable {
    let number: Int32

    /// Makes a stream socket that does not block, and that no child inherits.
    ///
    /// - Returns: The socket; its number is negative where the system has none, and `errno` says why.
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

    /// Makes a socket to connect from an address of this machine.
    ///
    /// - Parameter address: The address; port 0 lets the system choose the port.
    /// - Returns: The socket.
    /// - Throws: ``UVError`` that names the call and the address.
    static func make(boundTo address: SocketAddress) throws(UVError) -> SocketDescriptor {
        let made = make(address.isIPv6 ? AF_INET6 : AF_INET)
        func failure(_ call: String) -> UVError {
            let code = UVError.Code(rawValue: uv_translate_sys_error(errno))
            let isForeign = code == .addressNotAvailable
            return UVError(
                call: call, subject: "\(address.endpoint)", code: code,
                reason: isForeign ? "it is not an address of this machine" : nil)
        }
        guard made.number >= 0 else { throw failure("make socket") }
        var yes: Int32 = 1
        if address.port != 0 {
            // The port of a connection that has ended is free again at once.
            made.set(SOL_SOCKET, SO_REUSEADDR, &yes)
        } else {
            #if canImport(Glibc)
                // IP_BIND_ADDRESS_NO_PORT, ip(7): the port is chosen when it connects, so that
                // connections to different servers may have the same.
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

    /// Connects to a Unix-domain socket, at once.
    ///
    /// - Returns: The socket; nil where as many wait as the server lets wait.
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

    /// Who is at the other end of a Unix-domain socket; nil where the system does not tell.
    var peerCredentials: UVPeerCredentials? {
        #if canImport(Glibc)
            // A `ucred`, which Glibc has for GNU programs only: the process, its user and its group.
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

    /// The address that a Unix-domain socket is bound to, as the system writes it: a path, or an abstract
    /// name behind a NUL. Empty where it has none.
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
        // Of an abstract name each byte counts.
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
    /// descriptor: a child has every descriptor from its fork to its `exec`.
    func closeListening() {
        _ = shutdown(number, Int32(SHUT_RD))
        close()
    }

    /// Sees to it that closing the socket resets its connection, and drops what is unsent.
    func resetWhenClosed() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        set(SOL_SOCKET, SO_LINGER, &linger)
    }

    // MARK: - Options

    /// Whether small writes leave at once rather than wait for an acknowledgement (TCP_NODELAY).
    func setNoDelay(_ enabled: Bool) {
        var value: Int32 = enabled ? 1 : 0
        set(Int32(IPPROTO_TCP), TCP_NODELAY, &value)
    }

    /// Probes a peer to which nothing is underway; nil does not. A peer that leaves sent bytes
    /// unacknowledged is found by ``UVConnection/checkPeer(_:)``: TCP_USER_TIMEOUT would also end a
    /// peer that is there and does not read, because the kernel counts its acknowledged window
    /// probes as failures (Linux `tcp_probe_timer`).
    ///
    /// Not by `uv_tcp_keepalive`, whose interval and count are fixed.
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
            // TCP_RTO_MAX_MS, since Linux 6.15: the kernel repeats what is not acknowledged, and asks
            // a closed window, often enough to tell within the time whether the peer is there.
            var longestRepeat = Int32(clamping: min(max(1000, keepAlive.patience / 4), 120_000))
            set(Int32(IPPROTO_TCP), 44, &longestRepeat)
        #endif
    }

    /// Options are hints: a socket that refuses one, because its peer is gone, still reports that.
    func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: inout Value) {
        _ = unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Value>.size))
    }

    // MARK: - How it stands

    /// The address that the socket is bound to.
    var localAddress: SocketAddress? {
        unsafe Self.address { unsafe getsockname(number, $0, $1) }
    }

    /// The other end's address; nil when the socket is not connected.
    var peerAddress: SocketAddress? {
        unsafe Self.address { unsafe getpeername(number, $0, $1) }
    }

    /// An address that a call writes; nil where it fails, with a number below 0.
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

    /// How many bytes the kernel has taken to send that the peer has not acknowledged, its FIN
    /// included; 0 where the system does not tell.
    var bytesUnacknowledged: Int {
        #if canImport(Glibc)
            // For a TCP socket TIOCOUTQ is SIOCOUTQ, tcp(7).
            ask(UInt(TIOCOUTQ))
        #else
            0
        #endif
    }

    /// How many bytes the kernel has received that nobody has read.
    var bytesUnread: Int { ask(UInt(FIONREAD)) }

    private func ask(_ request: UInt) -> Int {
        var count: Int32 = 0
        return unsafe ioctl(number, request, &count) == 0 ? Int(count) : 0
    }

    /// How long the peer has not answered what the kernel has repeated; nil where it has, or the
    /// system does not tell.
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

    /// Why the connection is gone, although nothing is read from it: libuv does not notice a reset
    /// while reading is stopped. Nil where it is not gone. Asked once, the kernel forgets the reason;
    /// a reset is told from then on.
    ///
    /// Told by the socket's error. A hang-up proves nothing: both sides may have finished while bytes
    /// still wait to be read.
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

/// What a peer has not answered.
struct Unanswered: Equatable {
    /// How long ago it has acknowledged something last, in milliseconds.
    var quiet: UInt64
    /// Whether its window is closed, so that the kernel has asked all the time whether it is there.
    var isProbing: Bool
}

extension UVKeepAlive {
    /// What the kernel is told, in seconds: at least 1, and at most what it takes (Linux
    /// `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`, `MAX_TCP_KEEPCNT`), because it ignores more.
    fileprivate var kernelValues: (idle: Int32, interval: Int32, count: Int32) {
        func seconds(_ duration: Duration) -> Int32 {
            Int32(min(max(.seconds(1), duration), .seconds(32_767)).components.seconds)
        }
        return (seconds(idle), seconds(interval), Int32(clamping: min(max(1, count), 127)))
    }

    /// After how many milliseconds without a sign of it a peer counts as gone.
    var patience: UInt64 {
        let (idle, interval, count) = kernelValues
        return (UInt64(idle) + UInt64(interval) * UInt64(count)) * 1000
    }
}

/// The system's `connect`, by another name than the method's.
private func systemConnect(
    _ socket: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t
) -> Int32 {
    unsafe connect(socket, address, length)
}
