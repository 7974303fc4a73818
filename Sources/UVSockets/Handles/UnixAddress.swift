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

    /// Reads `unix:PATH` or `unix:@NAME`; nil if the text is neither. The path must begin with `/`
    /// or `.`: `unix:8081` is a port of a host named `unix`.
    init?(_ text: String) {
        let name = text.dropFirst("unix:".count)
        guard text.hasPrefix("unix:"), let first = name.first, "/.@".contains(first) else {
            return nil
        }
        let isAbstract = first == "@"
        self.init(name: String(isAbstract ? name.dropFirst() : name), isAbstract: isAbstract)
    }

    /// Throws if the name is not valid.
    func check(_ call: String) throws(UVError) {
        let count = name.utf8.count
        let reason: String? =
            if count == 0 {
                "the name is missing"
            } else if count > Self.longestName {
                "the name has \(count) bytes, and a Unix socket name may have at most \(Self.longestName)"
            } else if name.utf8.contains(0) {
                "the name contains a NUL byte"
            } else {
                nil
            }
        guard let reason else { return }
        throw UVError(call: call, subject: text, code: .invalidArgument, reason: reason)
    }

    /// The address as text.
    var text: String { isAbstract ? "unix:@\(name)" : "unix:\(name)" }

    /// The address in the form of the system, see ``SocketDescriptor/unixName``.
    var systemName: [UInt8] { (isAbstract ? [0] : []) + Array(name.utf8) }

    /// Passes the address to a system call. It must have been checked before.
    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let bytes = (isAbstract ? [0] : []) + Array(name.utf8.prefix(Self.longestName))
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in
            unsafe path.copyBytes(from: bytes.prefix(path.count))
        }
        // In an abstract name every byte counts, also a NUL after it. A path ends with a NUL.
        let length = offset + bytes.count + (isAbstract ? 0 : 1)
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe UnsafeRawPointer(pointer).withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(length))
            }
        }
    }
}

/// The process at the other end of a Unix-domain socket, as the kernel reports it.
///
/// It is the process that connected, or the one that listened.
public struct UVPeerCredentials: Hashable, Sendable, CustomStringConvertible {
    /// The process ID; 0 if the system does not tell, or the process is in another namespace.
    public let pid: Int32
    /// The user ID of the process.
    public let uid: UInt32
    /// The group ID of the process.
    public let gid: UInt32

    /// A text such as `pid 812, uid 1000`.
    public var description: String { "pid \(pid), uid \(uid)" }
}
