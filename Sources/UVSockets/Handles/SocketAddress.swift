internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A numeric address and a port in 24 bytes: the content of a `sockaddr` without its padding.
///
/// The peer of a Unix-domain socket has no address. Its credentials are stored instead.
///
/// A dual-stack socket reports IPv4 addresses as `::ffff:a.b.c.d`. They are stored and printed as
/// the IPv4 addresses that they are.
struct SocketAddress: Hashable, Sendable {
    /// The 16 bytes of the address in network order. An IPv4 address is in the last four.
    private let high: UInt64
    private let low: UInt64
    private let scope: UInt32
    let port: UInt16
    private let family: Family

    private enum Family: UInt8 {
        case ipv4, ipv6, unix
    }

    var isIPv6: Bool { family == .ipv6 }
    var isUnix: Bool { family == .unix }

    /// The peer of a Unix-domain socket.
    init(_ peer: UVPeerCredentials) {
        high = UInt64(UInt32(bitPattern: peer.pid))
        low = UInt64(peer.uid) << 32 | UInt64(peer.gid)
        scope = 0
        port = 0
        family = .unix
    }

    /// The credentials of the peer of a Unix-domain socket; nil for an IP address.
    var credentials: UVPeerCredentials? {
        guard isUnix else { return nil }
        return UVPeerCredentials(
            pid: Int32(truncatingIfNeeded: high), uid: UInt32(low >> 32),
            gid: UInt32(truncatingIfNeeded: low))
    }

    /// Reads a numeric address; nil if the host is a name.
    ///
    /// The zone of an IPv6 address is the name or number of an interface (RFC 4007 §11.2). If it is
    /// neither, the result is nil.
    init?(_ endpoint: UVEndpoint) {
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        let port = Int32(endpoint.port)
        guard case .host = endpoint.kind, !endpoint.host.utf8.contains(0) else { return nil }
        if unsafe uv_ip4_addr(endpoint.host, port, &v4) == 0 {
            self.init(v4)
            return
        }
        // libuv does not get the zone, because it treats an unknown zone as no zone.
        let parts = endpoint.host.split(
            separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard unsafe uv_ip6_addr(String(parts[0]), port, &v6) == 0 else { return nil }
        if parts.count > 1 {
            guard let zone = Self.zone(String(parts[1])) else { return nil }
            v6.sin6_scope_id = zone
        }
        self.init(v6)
    }

    private static func zone(_ name: String) -> UInt32? {
        let index = unsafe if_nametoindex(name)
        if index > 0 { return index }
        let isNumber = name.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        guard isNumber, let number = UInt32(name), number > 0 else { return nil }
        return number
    }

    /// Reads an address that a system call wrote; nil if it is neither IPv4 nor IPv6.
    init?(_ address: UnsafePointer<sockaddr>) {
        switch Int32(unsafe address.pointee.sa_family) {
        case AF_INET:
            self.init(unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self))
        case AF_INET6:
            self.init(unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self))
        default:
            return nil
        }
    }

    private init(_ address: sockaddr_in) {
        high = 0
        low = UInt64(UInt32(bigEndian: address.sin_addr.s_addr))
        scope = 0
        port = UInt16(bigEndian: address.sin_port)
        family = .ipv4
    }

    private init(_ address: sockaddr_in6) {
        let words = unsafe withUnsafeBytes(of: address.sin6_addr) { bytes in
            (
                UInt64(bigEndian: unsafe bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        let isMapped = words.0 == 0 && words.1 >> 32 == 0xffff
        high = words.0
        low = isMapped ? words.1 & 0xffff_ffff : words.1
        scope = isMapped ? 0 : address.sin6_scope_id
        port = UInt16(bigEndian: address.sin6_port)
        family = isMapped ? .ipv4 : .ipv6
    }

    private init(
        network high: UInt64, _ low: UInt64, scope: UInt32 = 0, port: UInt16 = 0, isIPv6: Bool
    ) {
        self.high = high
        self.low = low
        self.scope = scope
        self.port = port
        family = isIPv6 ? .ipv6 : .ipv4
    }

    static let loopback4 = SocketAddress(network: 0, 0x7f00_0001, isIPv6: false)
    static let loopback6 = SocketAddress(network: 0, 1, isIPv6: true)

    /// The address as it stands in a packet; nil for the peer of a Unix-domain socket.
    var wire: WireAddress? {
        isUnix ? nil : WireAddress(high: high, low: low, port: port, isIPv6: isIPv6)
    }

    /// The same address with a port.
    func withPort(_ port: UInt16) -> SocketAddress {
        SocketAddress(network: high, low, scope: scope, port: port, isIPv6: isIPv6)
    }

    /// How many bits an address of this family has.
    var width: Int { isIPv6 ? 128 : 32 }

    /// Whether it is an IPv6 address that is valid on one link only (RFC 4291 §2.5.6).
    var isLinkLocal: Bool { isIPv6 && high >> 54 == 0xfe80 >> 6 }

    /// What clients of one origin share: the user ID of a Unix-domain socket, or the network of an
    /// address.
    func network(ipv4 short: Int, ipv6 long: Int) -> SocketAddress {
        if let credentials {
            return SocketAddress(UVPeerCredentials(pid: 0, uid: credentials.uid, gid: 0))
        }
        if isLinkLocal { return prefix(bits: width) }
        return prefix(bits: isIPv6 ? long : short)
    }

    /// The network of the first `bits` bits of the address. The other bits, the zone and the port
    /// are zero.
    func prefix(bits: Int) -> SocketAddress {
        precondition(0...width ~= bits, "a prefix must not have more bits than the address")
        let all = UInt64.max
        guard isIPv6 else {
            return SocketAddress(network: 0, low & all << (32 - bits), isIPv6: false)
        }
        return SocketAddress(
            network: high & all << (64 - min(bits, 64)), low & all << (128 - bits), isIPv6: true)
    }

    /// Passes the address to a system call.
    func withSockaddr<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return unsafe Self.cast(&address, body)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(truncatingIfNeeded: low).bigEndian
        return unsafe Self.cast(&address, body)
    }

    private static func cast<Address, Result>(
        _ address: UnsafePointer<Address>, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<Address>.size))
        }
    }

    /// The address as text and port.
    var endpoint: UVEndpoint {
        if let credentials { return UVEndpoint(kind: .process(credentials)) }
        return UVEndpoint(host: host, port: port)
    }

    private var host: String {
        // INET6_ADDRSTRLEN, a `%`, and an interface name of IF_NAMESIZE.
        let longest = 46 + 1 + 16
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: longest) { text in
            guard let base = text.baseAddress else { return "" }
            let status = unsafe withSockaddr { address, _ in
                unsafe isIPv6
                    ? UnsafeRawPointer(address).withMemoryRebound(
                        to: sockaddr_in6.self, capacity: 1
                    ) {
                        unsafe uv_ip6_name($0, base, longest)
                    }
                    : UnsafeRawPointer(address).withMemoryRebound(to: sockaddr_in.self, capacity: 1)
                    {
                        unsafe uv_ip4_name($0, base, longest)
                    }
            }
            guard status == 0 else { return "unknown" }
            let address = unsafe String(cString: base)
            guard scope != 0 else { return address }
            // An interface that is gone has only its number, no name.
            let isNamed = unsafe if_indextoname(scope, base) != nil
            return unsafe "\(address)%\(isNamed ? String(cString: base) : "\(scope)")"
        }
    }
}
