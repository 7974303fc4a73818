internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A listening socket. libuv only tells when it is readable, which `uv_poll_t` does in all versions;
/// the clients are accepted by a system call of our own.
///
/// Not by `uv_listen`: before libuv 1.45 that accepts until nobody is left and calls back with an
/// error without end; since then it tells of no error, and turns the loop for as long as one lasts.
@safe final class ListeningSocket: ListeningHandle {
    /// The socket, which this owns.
    private let socket: SocketDescriptor
    /// The path of a Unix-domain socket.
    private let file: UnixSocketFile?
    private let isUnix: Bool
    private var isPolling = false

    /// Listens.
    ///
    /// - Parameters:
    ///   - loop: The loop.
    ///   - address: Where.
    ///   - backlog: How many clients the kernel accepts ahead.
    ///   - sharesPort: Whether others that do so may listen there, too: the kernel then spreads the
    ///     clients among them (SO_REUSEPORT).
    ///   - isIPv6Only: Whether IPv4 clients do not come to an IPv6 address.
    ///   - args: What is given to ``accept()``, and told of its answers.
    /// - Throws: ``UVError`` that names the call and the address.
    convenience init(
        on loop: UVLoop, at address: SocketAddress, backlog: Int32, sharesPort: Bool = false,
        isIPv6Only: Bool = false, _ args: SocketEventArgs
    ) throws(UVError) {
        let socket = try Self.open(
            address, backlog: backlog, sharesPort: sharesPort, isIPv6Only: isIPv6Only)
        do throws(UVError) {
            try self.init(on: loop, owning: socket, args)
        } catch {
            socket.closeListening()
            throw error
        }
    }

    /// Listens on a Unix-domain socket.
    ///
    /// - Throws: ``UVError`` that names the call and the address.
    convenience init(
        on loop: UVLoop, at address: UnixAddress, backlog: Int32, _ args: SocketEventArgs
    ) throws(UVError) {
        let (socket, file) = try Self.open(address, backlog: backlog)
        do throws(UVError) {
            try self.init(on: loop, owning: socket, file: file, isUnix: true, args)
        } catch {
            socket.closeListening()
            file?.remove()
            throw error
        }
    }

    private init(
        on loop: UVLoop, owning socket: SocketDescriptor, file: UnixSocketFile? = nil,
        isUnix: Bool = false, _ args: SocketEventArgs
    ) throws(UVError) {
        self.socket = socket
        self.file = file
        self.isUnix = isUnix
        try unsafe super.init(UV_POLL, on: loop, args) { memory in
            unsafe uv_poll_init_socket(
                loop.raw, memory.assumingMemoryBound(to: uv_poll_t.self), socket.number)
        }
    }

    override var name: String {
        "listening socket" + (localAddress.map { " \($0.endpoint)" } ?? "")
    }

    /// Where it listens; nil when it is closed.
    override var localAddress: SocketAddress? { isClosing ? nil : socket.localAddress }

    /// Stops listening. The kernel resets the clients that have not been accepted.
    override func stop() {
        guard !isClosing else { return }
        close()
        // libuv does not use it any more (libuv guide, `uv_poll_t`).
        socket.closeListening()
        file?.remove()
    }

    /// Sets what the accepted sockets inherit, on Linux, from the listening one.
    func setOptions(noDelay: Bool, keepAlive: UVKeepAlive?) {
        socket.setNoDelay(noDelay)
        socket.setKeepAlive(keepAlive)
    }

    // MARK: - Accepting

    // While nobody asks it is not polled: the clients wait in the kernel's backlog.
    override func awaitClient() {
        guard !isPolling, !isClosing else { return }
        let status = unsafe uv_poll_start(raw(), Int32(UV_READABLE.rawValue)) { handle, status, _ in
            unsafe ListeningSocket.from(handle).polled(status)
        }
        isPolling = status == 0
    }

    private func polled(_ status: Int32) {
        if status < 0 {
            isPolling = false
            ready(.init(rawValue: status))
        } else {
            ready()
        }
        guard isPolling, !isAcceptPending, !isClosing else { return }
        isPolling = false
        _ = unsafe uv_poll_stop(raw())
    }

    override func acceptNow() -> Bool {
        // One that is gone already is passed over, but not without end.
        for _ in 0..<Self.attempts {
            var number: Int32 = -1
            // With its address, which the kernel does not tell later of one that has been reset.
            let address = unsafe SocketDescriptor.address {
                number = unsafe Self.accept(socket.number, $0, $1)
                return number
            }
            let peer = isUnix ? credentials(of: number) : address
            if number >= 0 {
                let accepted = SocketDescriptor(number: number)
                guard let peer else {
                    accepted.close()
                    continue
                }
                args.accepted = ConnectedStream(source: .socket(accepted), peer: peer)
                return true
            }
            if errno == EAGAIN {
                return false
            }
            if !Self.tellsOfClientOnly(errno) {
                args.error = .init(rawValue: uv_translate_sys_error(errno))
                return true
            }
        }
        return false
    }

    private func credentials(of number: Int32) -> SocketAddress? {
        guard number >= 0 else { return nil }
        return SocketDescriptor(number: number).peerCredentials.map { SocketAddress($0) }
    }

    private static var attempts: Int { 16 }

    /// Whether the error is one of the client that was to be accepted, which is gone, rather than one
    /// of accepting (accept(2), "Error handling").
    private static func tellsOfClientOnly(_ error: Int32) -> Bool {
        #if canImport(Glibc)
            if error == ENONET { return true }
        #endif
        return [
            EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH,
            EOPNOTSUPP, ENETUNREACH,
        ].contains(error)
    }

    private static func accept(
        _ descriptor: Int32, _ address: UnsafeMutablePointer<sockaddr>,
        _ length: UnsafeMutablePointer<socklen_t>
    ) -> Int32 {
        #if canImport(Glibc)
            return unsafe accept4(
                descriptor, address, length,
                Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
        #else
            let accepted = unsafe Darwin.accept(descriptor, address, length)
            if accepted >= 0 { _ = fcntl(accepted, F_SETFD, FD_CLOEXEC) }
            return accepted
        #endif
    }
}

// MARK: - Opening

extension ListeningSocket {
    /// Throws where another server has the address: a port that is shared is shared with whoever
    /// shares it, and a second server on it would take half of the clients.
    static func checkIsFree(_ address: SocketAddress, isIPv6Only: Bool) throws(UVError) {
        try open(address, backlog: 1, sharesPort: false, isIPv6Only: isIPv6Only).closeListening()
    }

    private static func open(
        _ address: SocketAddress, backlog: Int32, sharesPort: Bool, isIPv6Only: Bool
    ) throws(UVError) -> SocketDescriptor {
        func failure(_ call: String) -> UVError {
            UVError(
                call: call, subject: "\(address.endpoint)",
                code: .init(rawValue: uv_translate_sys_error(errno)))
        }
        let made = SocketDescriptor.make(address.isIPv6 ? AF_INET6 : AF_INET)
        let number = made.number
        guard number >= 0 else { throw failure("make socket") }
        var yes: Int32 = 1
        var only: Int32 = isIPv6Only ? 1 : 0
        made.set(SOL_SOCKET, SO_REUSEADDR, &yes)
        if sharesPort { made.set(SOL_SOCKET, SO_REUSEPORT, &yes) }
        // Unless they are not to, IPv4 clients come to `::`, too, whatever the system's default is.
        if address.isIPv6 { made.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only) }
        do throws(UVError) {
            guard unsafe address.withSockaddr({ unsafe bind(number, $0, $1) }) == 0 else {
                throw failure("bind")
            }
            guard listen(number, backlog) == 0 else {
                // Another socket listens there, and does not share.
                throw failure(errno == EADDRINUSE ? "bind" : "listen")
            }
        } catch {
            made.close()
            throw error
        }
        return made
    }
}
