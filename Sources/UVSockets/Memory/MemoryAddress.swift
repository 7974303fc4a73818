/// Where somebody can be found on a network in memory.
enum MemoryAddress: Hashable {
    /// A Unix-domain socket, as text.
    case unix(String)
    case ip(SocketAddress)
    /// A name. Names are not looked up, but for `localhost`, which is 127.0.0.1.
    case name(String, port: UInt16)

    init(_ endpoint: UVEndpoint) {
        if let address = endpoint.unixAddress {
            self = .unix(address.text)
        } else if let address = SocketAddress(endpoint) {
            self = .ip(address)
        } else if endpoint.host.lowercased() == "localhost" {
            self = .ip(.loopback(isIPv6: false).withPort(endpoint.port))
        } else {
            self = .name(endpoint.host.lowercased(), port: endpoint.port)
        }
    }

    /// The address to connect to: a wildcard stands for the loopback address of the client's family, or
    /// of its own.
    func target(from client: SocketAddress?) -> MemoryAddress {
        guard case .ip(let address) = self, address.isWildcard else { return self }
        let isIPv6 = address.isIPv6 && client?.isIPv6 != false
        return .ip(.loopback(isIPv6: isIPv6).withPort(address.port))
    }
}

extension SocketAddress {
    /// 127.0.0.1 or ::1, port 0.
    static func loopback(isIPv6: Bool) -> SocketAddress { isIPv6 ? .loopback6 : .loopback4 }

    /// Whether it stands for every address of its family.
    var isWildcard: Bool { !isUnix && withPort(0) == prefix(bits: 0) }
}

extension MemoryPort {
    /// Whether a client that connects to the address comes to this port.
    func takes(_ target: MemoryAddress) -> Bool {
        if key == target { return true }
        guard case .ip(let own) = key, own.isWildcard else { return false }
        switch target {
        case .unix: return false
        case .name(_, let port): return port == own.port
        case .ip(let address): return address.port == own.port && covers(address)
        }
    }

    /// Whether it and another cannot both be listened at.
    func excludes(_ other: MemoryPort) -> Bool {
        guard case .ip(let one) = key, case .ip(let two) = other.key, one.port == two.port else {
            return key == other.key
        }
        return one == two || one.isWildcard && covers(two)
            || two.isWildcard && other.covers(one)
    }

    /// Whether a wildcard address takes the family of an address: `[::]` takes both, unless it was told
    /// not to.
    private func covers(_ address: SocketAddress) -> Bool {
        guard case .ip(let own) = key else { return false }
        return own.isIPv6 ? address.isIPv6 || !isIPv6Only : !address.isIPv6
    }
}
