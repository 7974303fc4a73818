internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A listening socket. libuv only reports when it is readable. A system call of our own accepts
/// clients.
///
/// It uses `uv_poll_t`, which works in all versions, and not `uv_listen`. Before libuv 1.45,
/// `uv_listen` accepts until no client is left, and repeats the callback with an error without end.
/// Since 1.45 it reports no error, and the loop spins for as long as an error lasts.
@safe final class ListeningSocket: ListeningHandle {
    /// The socket. This object owns it.
    private let socket: SocketDescriptor
    /// The path of a Unix-domain socket.
    private let file: UnixSocketFile?
    private let isUnix: Bool
    private var isPolling = false

    /// Starts to listen.
    ///
    /// - Parameters:
    ///   - loop: The loop.
    ///   - address: Where to listen.
    ///   - backlog: How many clients the kernel accepts ahead.
    ///   - sharesPort: Whether others that also share the port may listen there. The kernel then
    ///     spreads the clients among them (SO_REUSEPORT).
    ///   - isIPv6Only: Whether an IPv6 address takes no IPv4 clients.
    ///   - args: Carries the answers of ``accept()``.
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

    /// Starts to listen on a Unix-domain socket.
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

    /// The address where it listens; nil when it is closed.
    override var backlog: (waiting: Int, limit: Int)? { isClosing ? nil : socket.backlog }
    override var localAddress: SocketAddress? { isClosing ? nil : socket.localAddress }

    override var drops: UInt32 { isClosing || isUnix ? 0 : socket.drops }

    /// Stops listening. The kernel resets the clients that have not been accepted.
    override func stop() {
        guard !isClosing else { return }
        close()
        // After `close()`, libuv does not use the socket any more (libuv guide, `uv_poll_t`).
        socket.closeListening()
        file?.remove()
    }

    /// Sets the options that accepted sockets inherit from the listening socket, on Linux.
    func setOptions(noDelay: Bool, keepAlive: UVKeepAlive?) {
        socket.setNoDelay(noDelay)
        socket.setKeepAlive(keepAlive)
    }

    // MARK: - Accepting

    // The socket is polled only while a request waits. Otherwise clients wait in the kernel's
    // backlog.
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
        // Clients that are gone already are skipped, but not without end.
        for _ in 0..<Self.attempts {
            var number: Int32 = -1
            // The address is taken here: later the kernel does not tell it for a client that was
            // reset.
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

    /// Whether the error concerns only one client, which is gone, and not accepting itself
    /// (accept(2), "Error handling").
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
    /// Throws if another server uses the address. A shared port is shared with anybody who shares
    /// it, so a second server on it would take half of the clients.
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
        // By default IPv4 clients come to `::`, too. The option is always set, so the system's
        // default does not matter.
        if address.isIPv6 { made.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only) }
        do throws(UVError) {
            guard unsafe address.withSockaddr({ unsafe bind(number, $0, $1) }) == 0 else {
                throw failure("bind")
            }
            guard listen(number, backlog) == 0 else {
                // Another socket listens there and does not share the port.
                throw failure(errno == EADDRINUSE ? "bind" : "listen")
            }
        } catch {
            made.close()
            throw error
        }
        return made
    }
}
