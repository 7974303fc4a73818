import Foundation

/// Plain sockets on loopback: the independent witness of what the programs do.
extension Channel {
    /// Connects to a port of this machine, with a receive buffer of the usual size or another.
    convenience init(connectingTo port: UInt16, receiveBuffer: Int32? = nil) throws {
        let descriptor = try loopbackSocket()
        if let receiveBuffer { setOption(descriptor, SO_RCVBUF, receiveBuffer) }
        let status = unsafe withLoopback(port) { unsafe connect(descriptor, $0, $1) }
        guard status == 0 else {
            let failure = SystemFailure("connect")
            _ = Glibc.close(descriptor)
            throw failure
        }
        self.init(descriptor)
    }

    /// Waits until what the other side has sent fills the kernel's buffers: nothing more of it comes.
    func waitUntilFull() throws {
        var (last, since) = (Int32(-1), ContinuousClock.now)
        try wait(for: "full buffers") {
            var unread: Int32 = 0
            _ = unsafe ioctl(descriptor, UInt(FIONREAD), &unread)
            if unread != last { (last, since) = (unread, .now) }
            return ContinuousClock.now - since > .milliseconds(200)
        }
    }

    /// Says that no more follows; reading goes on.
    func finish() {
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes so that the other side sees a reset.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        let size = socklen_t(MemoryLayout.size(ofValue: linger))
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, size)
        close()
    }

    /// The port at this end of a connection.
    var localPort: UInt16 { port(of: descriptor) }
}

/// A plain listening socket on a free port of 127.0.0.1.
final class RawListener {
    private let descriptor: Int32

    init(backlog: Int32 = 16) throws {
        descriptor = try loopbackSocket()
        let status = unsafe withLoopback(0) { unsafe bind(descriptor, $0, $1) }
        guard status == 0, listen(descriptor, backlog) == 0 else { throw SystemFailure("listen") }
    }

    deinit {
        _ = close(descriptor)
    }

    var port: UInt16 { ProgramTests.port(of: descriptor) }
    var endpoint: String { "127.0.0.1:\(port)" }

    /// The next connection.
    func accept() throws -> Channel {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = Int32(patience / .milliseconds(1))
        guard unsafe poll(&request, 1, milliseconds) == 1 else { throw Overdue("nobody connected") }
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw SystemFailure("accept") }
        return Channel(accepted)
    }

    /// Runs a body with a listener whose backlog is full, so that the kernel answers nobody.
    static func withFullBacklog(_ body: (RawListener) throws -> Void) throws {
        let listener = try RawListener(backlog: 0)
        var waiting: [Int32] = []
        defer { waiting.forEach { _ = close($0) } }
        // On loopback the handshake is over before `connect` returns, if it can be at all.
        var isTaken = true
        while isTaken {
            let descriptor = try loopbackSocket()
            waiting.append(descriptor)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = unsafe withLoopback(listener.port) { unsafe connect(descriptor, $0, $1) }
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            isTaken = unsafe poll(&request, 1, 100) == 1
        }
        try body(listener)
    }
}

/// A port of 127.0.0.1 on which nobody listens. It stays ours until the process ends, so that no other
/// test is given it; a program that is told to may listen there.
func unusedPort() throws -> UInt16 {
    let descriptor = try loopbackSocket()
    setOption(descriptor, SO_REUSEADDR, 1)
    guard unsafe withLoopback(0, { unsafe bind(descriptor, $0, $1) }) == 0 else {
        throw SystemFailure("bind")
    }
    return port(of: descriptor)
}

private func loopbackSocket() throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw SystemFailure("socket") }
    return descriptor
}

private func setOption(_ descriptor: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    let size = socklen_t(MemoryLayout.size(ofValue: value))
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &value, size)
}

private func withLoopback<Result>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return unsafe withUnsafePointer(to: address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

private func port(of descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe getsockname(descriptor, $0, &size)
        }
    }
    return UInt16(bigEndian: address.sin_port)
}

extension Channel {
    /// Connects to a Unix-domain socket.
    convenience init(connectingToPath path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { name in
            unsafe name.copyBytes(from: path.utf8.prefix(name.count - 1))
        }
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe UnsafeRawPointer(pointer).withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw SystemFailure("connect \(path)") }
        self.init(descriptor)
    }
}
