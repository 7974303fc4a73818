import Glibc
import UVSockets

/// A plain socket that never blocks, on 127.0.0.1.
struct RawSocket {
    let descriptor: Int32

    /// Begins to connect; nil where the system refuses.
    ///
    /// - Parameters:
    ///   - port: Where to.
    ///   - room: How many bytes the kernel keeps until they are read; 0 for as many as it likes.
    init?(connectingTo port: UInt16, room: Int32 = 0) {
        guard let made = RawSocket() else { return nil }
        self = made
        if room > 0 { set(SO_RCVBUF, room) }
        guard
            unsafe withAddress(port, { unsafe Glibc.connect(descriptor, $0, $1) })
                || errno == EINPROGRESS
        else {
            close()
            return nil
        }
    }

    /// Listens on a free port.
    init?(listening backlog: Int32) {
        guard let made = RawSocket() else { return nil }
        self = made
        guard unsafe withAddress(0, { unsafe bind(descriptor, $0, $1) }),
            listen(descriptor, backlog) == 0
        else {
            close()
            return nil
        }
    }

    private init?() {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_INET, type, 0)
        if descriptor < 0 { return nil }
    }

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    func accept() -> RawSocket? {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { return nil }
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        return RawSocket(accepted)
    }

    /// The port it has; 0 where it has none.
    var port: UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe getsockname(
                descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
        }
        return status == 0 ? UInt16(bigEndian: address.sin_port) : 0
    }

    private func withAddress(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Int32
    ) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe body(
                bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        } == 0
    }

    /// Writes as much as the kernel takes now.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Int {
        unsafe send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Reads what is there: nothing for nothing yet, nil for the end.
    func read() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
        if count < 0, errno == EAGAIN || errno == ENOTCONN { return [] }
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    func finish() {
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes so that the other end gets a reset.
    func reset() {
        set(SO_LINGER, linger(l_onoff: 1, l_linger: 0))
        close()
    }

    private func set<Value: BitwiseCopyable>(_ option: Int32, _ value: Value) {
        var value = value
        _ = unsafe setsockopt(
            descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<Value>.size))
    }

    func close() {
        _ = Glibc.close(descriptor)
    }
}
