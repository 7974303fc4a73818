import Foundation
import Synchronization
import UVSockets

/// A POSIX call that failed, with its `errno`.
struct SocketError: Error, CustomStringConvertible {
    let call: String
    let number: Int32

    init(_ call: String) {
        self.call = call
        number = errno
    }

    var description: String {
        unsafe "\(call): \(String(cString: strerror(number)))"
    }
}

/// A blocking POSIX socket of numeric addresses, made without the library: the independent
/// witness of the wire. No call blocks longer than the test's patience.
///
/// Two threads may use one, where one sends and the other receives.
class RawSocket: @unchecked Sendable {
    private(set) var descriptor: Int32

    fileprivate init(descriptor: Int32) throws {
        self.descriptor = descriptor
        guard descriptor >= 0 else { throw SocketError("socket") }
        try setTimeout(seconds: patience)
    }

    // Not for the processes of exit tests, which would keep it open.
    fileprivate convenience init(family: Int32, type: __socket_type = SOCK_STREAM) throws {
        try self.init(
            descriptor: socket(family, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0))
    }

    /// A socket that has a port of 127.0.0.1, and does not listen: who connects is refused, and no
    /// other gets the port meanwhile, but for one that asks for it.
    static func refusing() throws -> RawSocket {
        let socket = try RawSocket(family: AF_INET)
        try socket.set(SOL_SOCKET, SO_REUSEADDR, Int32(1))
        try socket.bind(to: "127.0.0.1:0")
        return socket
    }

    /// A socket that takes datagrams there, and says nothing.
    static func deaf(at endpoint: UVEndpoint) throws -> RawSocket {
        let socket = try RawSocket(family: AF_INET, type: SOCK_DGRAM)
        try socket.bind(to: endpoint)
        return socket
    }

    /// Tells all who have asked this socket for a name that there is none, until nobody asks any more.
    func denyNames() throws {
        var message = [UInt8](repeating: 0, count: 512)
        var asker = [UInt8](repeating: 0, count: 16)
        while poll(seconds: 0.2) {
            var size = socklen_t(asker.count)
            let count = unsafe withSockaddr(&asker) {
                unsafe recvfrom(descriptor, &message, message.count, 0, $0, &size)
            }
            guard count >= 12 else { throw SocketError("recvfrom") }
            // RFC 1035, 4.1.1: a response, and that no such name exists.
            message[2] |= 0x80
            message[3] = 0x83
            let sent = unsafe withSockaddr(&asker) {
                unsafe sendto(descriptor, message, count, 0, $0, size)
            }
            guard sent == count else { throw SocketError("sendto") }
        }
    }

    /// Brings the loopback interface of this thread's network up.
    static func raiseLoopback() throws {
        try setLoopback(isUp: true)
    }

    /// Switches the loopback of this thread's network on or off.
    static func setLoopback(isUp: Bool) throws {
        let socket = try RawSocket(family: AF_INET)
        // `ifreq` (netdevice(7)): the name, and at 16 the flags, of which 1 is IFF_UP.
        var request = [UInt8](repeating: 0, count: 40)
        request.replaceSubrange(0..<2, with: "lo".utf8)
        request[16] = isUp ? 1 : 0
        // SIOCSIFFLAGS
        guard unsafe ioctl(socket.descriptor, 0x8914, &request) == 0 else {
            throw SocketError("ioctl")
        }
    }

    deinit {
        close()
    }

    /// Closes the socket; with bytes unread, or unsent and a linger of 0, by a reset.
    func close() {
        guard descriptor >= 0 else { return }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: Value) throws {
        var value = value
        let status = unsafe setsockopt(
            descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
        guard status == 0 else { throw SocketError("setsockopt") }
    }

    func setTimeout(seconds: Double) throws {
        let time = timeval(
            tv_sec: Int(seconds), tv_usec: Int(seconds.truncatingRemainder(dividingBy: 1) * 1e6))
        try set(SOL_SOCKET, SO_RCVTIMEO, time)
        try set(SOL_SOCKET, SO_SNDTIMEO, time)
    }

    /// Waits for one of the socket's events.
    ///
    /// - Returns: Whether it came in time.
    func poll(_ events: Int32 = POLLIN, seconds: Double = patience) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return unsafe Glibc.poll(&request, 1, Int32(seconds * 1000)) > 0
    }

    /// This end's address.
    var local: UVEndpoint {
        var address = [UInt8](repeating: 0, count: 128)
        var length = socklen_t(address.count)
        _ = unsafe withSockaddr(&address) { unsafe getsockname(descriptor, $0, &length) }
        if Int32(address[0]) == AF_UNIX {
            let name = address[2..<max(2, Int(length))]
            return name.first == 0
                ? .abstract(String(decoding: name.dropFirst(), as: UTF8.self))
                : .unix(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
        }
        let isIPv6 = Int32(address[0]) == AF_INET6
        var text = [CChar](repeating: 0, count: 64)
        let host = Array(address[(isIPv6 ? 8 : 4)...])
        _ = unsafe inet_ntop(isIPv6 ? AF_INET6 : AF_INET, host, &text, 64)
        return UVEndpoint(
            host: String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self),
            port: UInt16(address[2]) << 8 | UInt16(address[3]))
    }

    /// Takes an address.
    func bind(to endpoint: UVEndpoint) throws {
        let status = try unsafe withAddress(endpoint) { unsafe Glibc.bind(descriptor, $0, $1) }
        guard status == 0 else { throw SocketError("bind") }
    }
}

// MARK: - Other descriptors of this process

extension RawSocket {
    /// The descriptors that are open.
    static var descriptors: Set<Int32> {
        Set((0..<Int32(20_000)).filter { fcntl($0, F_GETFD) >= 0 })
    }

    /// Those that are sockets.
    static var sockets: Set<Int32> {
        descriptors.filter { option($0, SOL_SOCKET, SO_TYPE) != nil }
    }

    /// The port at the other end of a connected socket.
    static func peerPort(of descriptor: Int32) -> UInt16? {
        var address = [UInt8](repeating: 0, count: 28)
        var length = socklen_t(address.count)
        let status = unsafe withSockaddr(&address) { unsafe getpeername(descriptor, $0, &length) }
        return status == 0 ? UInt16(address[2]) << 8 | UInt16(address[3]) : nil
    }

    /// An option of a socket.
    static func option(_ descriptor: Int32, _ level: Int32, _ option: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let status = unsafe getsockopt(descriptor, level, option, &value, &length)
        return status == 0 ? value : nil
    }
}

/// One end of a connection.
final class RawPeer: RawSocket, @unchecked Sendable {
    /// Connects.
    ///
    /// - Parameters:
    ///   - endpoint: To whom.
    ///   - source: The local address to come from, one of 127.0.0.0/8.
    ///   - receiveBuffer: How much the kernel may receive ahead, roughly.
    /// - Throws: ``SocketError`` where it cannot connect.
    convenience init(
        to endpoint: UVEndpoint, from source: String? = nil, receiveBuffer: Int32? = nil
    ) throws {
        try self.init(family: endpoint.family)
        if let receiveBuffer { try set(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        if let source { try bind(to: UVEndpoint(host: source, port: 0)) }
        try connect(to: endpoint)
    }

    /// An IPv4 socket that is not connected yet.
    static func unconnected() throws -> RawPeer {
        try RawPeer(family: AF_INET)
    }

    /// Connects to a Unix-domain socket, and fails where it would have to wait.
    static func nonblocking(to endpoint: UVEndpoint) throws -> RawPeer {
        let peer = try RawPeer(family: AF_UNIX)
        _ = fcntl(peer.descriptor, F_SETFL, O_NONBLOCK)
        try peer.connect(to: endpoint)
        return peer
    }

    func connect(to endpoint: UVEndpoint) throws {
        let status = try unsafe withAddress(endpoint) { unsafe Glibc.connect(descriptor, $0, $1) }
        guard status == 0 else { throw SocketError("connect") }
        if endpoint.unixName == nil { try set(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1)) }
    }

    fileprivate convenience init(accepted descriptor: Int32) throws {
        try self.init(descriptor: descriptor)
    }

    /// The two ends of one connection.
    static func pair() throws -> (RawPeer, RawPeer) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw SocketError("socketpair")
        }
        return (try RawPeer(accepted: ends[0]), try RawPeer(accepted: ends[1]))
    }

    /// Sends everything.
    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let status = unsafe bytes.withUnsafeBytes { source in
                unsafe Glibc.send(
                    descriptor, source.baseAddress.map { unsafe $0 + sent }, source.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard status > 0 else { throw SocketError("send") }
            sent += status
        }
    }

    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    /// Sends as many of the bytes as the kernel takes now.
    ///
    /// - Returns: How many; nil where the other end takes no more.
    func sendSome(_ bytes: ArraySlice<UInt8>) -> Int? {
        let status = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(
                descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        return status >= 0 ? status : errno == EAGAIN ? 0 : nil
    }

    /// Receives what is there, at least a byte; nothing at the end.
    func receiveSome(_ limit: Int = 1 << 16, flags: Int32 = 0) throws -> [UInt8] {
        var status = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { room, count in
            status = unsafe recv(descriptor, room.baseAddress, room.count, flags)
            count = max(0, status)
        }
        guard status >= 0 else { throw SocketError("receive") }
        return bytes
    }

    /// Receives exactly so many bytes, or fewer where the end comes first.
    func receive(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let some = try receiveSome(min(count - bytes.count, 1 << 18))
            if some.isEmpty { break }
            bytes += some
        }
        return bytes
    }

    /// Receives until the other end has finished.
    func receiveToEnd() throws -> [UInt8] {
        try receive(.max)
    }

    /// Receives until the other end has finished, or has reset the connection.
    ///
    /// - Returns: What came, and the error's number; 0 where it has finished.
    func receiveToReset() -> (bytes: [UInt8], error: Int32) {
        var bytes: [UInt8] = []
        while true {
            do {
                let some = try receiveSome(1 << 18)
                if some.isEmpty { return (bytes, 0) }
                bytes += some
            } catch {
                return (bytes, (error as? SocketError)?.number ?? -1)
            }
        }
    }

    /// Sends and receives at the same time, until so many bytes came as were sent.
    func exchange(_ bytes: [UInt8]) throws -> [UInt8] {
        var sent = 0
        var received: [UInt8] = []
        received.reserveCapacity(bytes.count)
        let later = Int32(MSG_DONTWAIT)
        while received.count < bytes.count {
            guard poll(sent < bytes.count ? POLLIN | POLLOUT : POLLIN) else {
                throw TimedOut("\(received.count) of \(bytes.count) bytes came back")
            }
            if sent < bytes.count {
                guard let count = sendSome(bytes[sent...].prefix(1 << 18)) else {
                    throw SocketError("send")
                }
                sent += count
            }
            do {
                let some = try receiveSome(1 << 18, flags: later)
                if some.isEmpty { break }
                received += some
            } catch let error as SocketError where error.number == EAGAIN {
                continue
            }
        }
        return received
    }

    /// Sends as long as the kernel takes bytes and, when it does not, for so long as told.
    ///
    /// - Returns: How many it took.
    func sendUntilHeld(_ limit: Int = 1 << 30, quietFor seconds: Double = 0.3) throws -> Int {
        let chunk = pattern(1 << 16)
        var sent = 0
        while sent < limit, poll(POLLOUT, seconds: seconds) {
            guard let count = sendSome(chunk[...]) else { throw SocketError("send") }
            sent += count
        }
        return sent
    }

    /// How many bytes that were sent the other end's kernel has not acknowledged.
    var unacknowledged: Int32 {
        var count: Int32 = 0
        // SIOCOUTQ
        return unsafe ioctl(descriptor, 0x5411, &count) == 0 ? count : -1
    }

    /// Tells the other end that no more follows.
    func finish() throws {
        guard shutdown(descriptor, Int32(SHUT_WR)) == 0 else { throw SocketError("shutdown") }
    }

    /// From now on the kernel drops what comes for this socket before TCP sees it, as if its host were
    /// gone.
    func hearNothing() throws {
        // A filter of one instruction, BPF_RET: it takes no byte of any packet.
        var instruction: UInt64 = 0x06
        try unsafe withUnsafeMutablePointer(to: &instruction) { filter in
            try set(SOL_SOCKET, 26, SocketFilter(filter: UInt(bitPattern: filter)))
        }
    }

    /// `sock_fprog` (linux/filter.h), for SO_ATTACH_FILTER.
    private struct SocketFilter: BitwiseCopyable {
        var length: UInt16 = 1
        let filter: UInt
    }

    /// Closes by a reset.
    func reset() throws {
        try set(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
        close()
    }
}

/// A listening socket.
final class RawListener: RawSocket, @unchecked Sendable {
    convenience init(at endpoint: UVEndpoint = Transport.freeEndpoint(), backlog: Int32 = 64) throws
    {
        try self.init(family: endpoint.family)
        // A port may be used again, though connections to it have just ended.
        try set(SOL_SOCKET, SO_REUSEADDR, Int32(1))
        try bind(to: endpoint)
        guard listen(descriptor, backlog) == 0 else { throw SocketError("listen") }
    }

    /// Closes the socket, which listens no longer, although a process that is just being started may
    /// have it still.
    override func close() {
        _ = shutdown(descriptor, Int32(SHUT_RD))
        super.close()
    }

    /// A listening socket on an address of its own, for those who come back when it is closed: on an
    /// address that tests share they would reach the server that has the port next.
    static func alone() throws -> RawListener {
        let number = addresses.add(1, ordering: .relaxed).newValue
        return try RawListener(
            at: Transport.freeEndpoint(host: "127.89.\(number / 250).\(number % 250 + 1)"))
    }

    private static let addresses = Atomic(0)

    /// A listening socket that answers nobody, because its backlog is full.
    static func silent(at endpoint: UVEndpoint = Transport.freeEndpoint()) throws -> RawListener {
        let listener = try RawListener(at: endpoint, backlog: 0)
        // It stays in the backlog although it is closed at once.
        _ = try RawPeer(to: listener.local)
        return listener
    }

    func accept() throws -> RawPeer {
        let descriptor = Glibc.accept(descriptor, nil, nil)
        guard descriptor >= 0 else { throw SocketError("accept") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return try RawPeer(accepted: descriptor)
    }
}

// MARK: - Addresses

/// Writes the address as the system has it, byte by byte: its structures' members belong to
/// whichever module imported them first.
private func withAddress<Result>(
    _ endpoint: UVEndpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) throws -> Result {
    if let name = endpoint.unixName {
        // An abstract name begins with a NUL, a path ends with one.
        var address = [UInt8(AF_UNIX), 0]
        address += name.first == UInt8(ascii: "@") ? [0] + name.dropFirst() : name + [0]
        let size = socklen_t(address.count)
        return unsafe withSockaddr(&address) { unsafe body($0, size) }
    }
    let family = endpoint.family
    let isIPv6 = family == AF_INET6
    var host = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
    guard unsafe inet_pton(family, endpoint.host, &host) == 1 else {
        throw SocketError("inet_pton")
    }
    var address = [UInt8(family), 0, UInt8(endpoint.port >> 8), UInt8(endpoint.port & 0xff)]
    if isIPv6 { address += [0, 0, 0, 0] }
    address += host
    address += [UInt8](repeating: 0, count: isIPv6 ? 4 : 8)
    let size = socklen_t(address.count)
    return unsafe withSockaddr(&address) { unsafe body($0, size) }
}

extension UVEndpoint {
    fileprivate var family: Int32 {
        unixName != nil ? AF_UNIX : host.contains(":") ? AF_INET6 : AF_INET
    }

    /// The path of a Unix-domain socket, or its abstract name behind an `@`; nil for others.
    fileprivate var unixName: [UInt8]? {
        let text = "\(self)"
        return text.hasPrefix("unix:") ? Array(text.utf8.dropFirst("unix:".utf8.count)) : nil
    }
}

private func withSockaddr<Result>(
    _ bytes: inout [UInt8], _ body: (UnsafeMutablePointer<sockaddr>) -> Result
) -> Result {
    unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe bytes.withMemoryRebound(to: sockaddr.self) { addresses in
            guard let address = addresses.baseAddress else { fatalError("no address") }
            return unsafe body(address)
        }
    }
}
