internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The address of a Unix-domain socket: a path in the file system, or on Linux an abstract name.
struct UnixAddress: Hashable, Sendable {
    /// The most bytes that a path or a name may have: `sun_path` has 108, and one is for a NUL.
    static let longestName = 107

    let name: String
    let isAbstract: Bool
    /// Who may connect to a path, as mode bits.
    let mode: UInt16

    init(name: String, isAbstract: Bool, mode: UInt16 = 0o600) {
        self.name = name
        self.isAbstract = isAbstract
        self.mode = mode
    }

    /// Reads `unix:PATH`, where the path begins with `/` or `.`, or `unix:@NAME`; nil where the text is
    /// neither. `unix:8081` is a port of a host named so.
    init?(_ text: String) {
        let name = text.dropFirst("unix:".count)
        guard text.hasPrefix("unix:"), let first = name.first, "/.@".contains(first) else {
            return nil
        }
        let isAbstract = first == "@"
        self.init(name: String(isAbstract ? name.dropFirst() : name), isAbstract: isAbstract)
    }

    /// Throws where the name cannot be one.
    func check(_ call: String) throws(UVError) {
        let count = name.utf8.count
        let reason: String? =
            if count == 0 {
                "the name is missing"
            } else if count > Self.longestName {
                "the name has \(count) bytes, and a Unix socket's has at most \(Self.longestName)"
            } else if name.utf8.contains(0) {
                "the name holds a NUL"
            } else {
                nil
            }
        guard let reason else { return }
        throw UVError(call: call, subject: text, code: .invalidArgument, reason: reason)
    }

    /// The address as text.
    var text: String { isAbstract ? "unix:@\(name)" : "unix:\(name)" }

    /// The address as the system writes it, see ``SocketDescriptor/unixName``.
    var systemName: [UInt8] { (isAbstract ? [0] : []) + Array(name.utf8) }

    /// Hands the address to a system call. It has been checked.
    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let bytes = (isAbstract ? [0] : []) + Array(name.utf8.prefix(Self.longestName))
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in
            unsafe path.copyBytes(from: bytes.prefix(path.count))
        }
        // Of an abstract name each byte counts, a NUL behind it, too. A path ends with one.
        let length = offset + bytes.count + (isAbstract ? 0 : 1)
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe UnsafeRawPointer(pointer).withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(length))
            }
        }
    }
}

/// Who is at the other end of a Unix-domain socket, as the kernel says: who connected, or who listened.
public struct UVPeerCredentials: Hashable, Sendable, CustomStringConvertible {
    /// The process; 0 where the system does not tell, or it is in another namespace.
    public let pid: Int32
    /// Its user.
    public let uid: UInt32
    /// Its group.
    public let gid: UInt32

    /// `pid 812, uid 1000`
    public var description: String { "pid \(pid), uid \(uid)" }
}
