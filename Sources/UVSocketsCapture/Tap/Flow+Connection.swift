internal import UVSockets

extension Flow {
    /// Describes a connection.
    ///
    /// - Parameters:
    ///   - connection: The connection.
    ///   - number: The number of the connection within the tap. It makes the first sequence numbers,
    ///     and the address of a peer that has none.
    convenience init(_ connection: UVConnection, number: UInt32) {
        var peer = connection.wirePeer
        var local = connection.wireLocal
        let isIPv6 = (peer ?? local)?.isIPv6 ?? false
        if peer == nil { peer = .synthetic(client: number) }
        if local == nil || local?.isIPv6 != isIPv6 {
            let port = connection.listener?.localEndpoint?.port ?? 0
            local = .synthetic(serverPort: port > 0 ? port : 1, isIPv6: isIPv6)
        }
        if !connection.isIncoming, connection.wirePeer == nil { swap(&peer, &local) }
        let framing = connection.framing
        self.init(
            connection: connection.id, local: local ?? .synthetic(client: number),
            peer: peer ?? .synthetic(client: number),
            name: "\(connection.isIncoming ? "client" : "connection") \(connection.id), "
                + "\(connection.peer)",
            isIncoming: connection.isIncoming,
            // Knuth's multiplicative hash spreads the numbers, so that each connection has others.
            localStart: number &* 2_654_435_761, peerStart: ~(number &* 2_246_822_519),
            codec: connection.hasLayer ? nil : framing.codec,
            partOfMessage: connection.partOfMessage,
            isSendingWhole: connection.bytesQueued == 0)
    }
}

extension WireAddress {
    /// The address of a client that has none: from 198.18.0.1 (RFC 2544), with ports from 1024.
    /// Each number has its own.
    static func synthetic(client number: UInt32) -> WireAddress {
        let ports: UInt32 = 65_536 - 1024
        return WireAddress(
            high: 0, low: UInt64(0xC612_0001 + number / ports),
            port: UInt16(1024 + number % ports), isIPv6: false)
    }

    /// The address of a server that has none: 192.0.2.1 (RFC 5737) or 2001:db8::1 (RFC 3849).
    static func synthetic(serverPort port: UInt16, isIPv6: Bool) -> WireAddress {
        isIPv6
            ? WireAddress(high: 0x2001_0DB8_0000_0000, low: 1, port: port, isIPv6: true)
            : WireAddress(high: 0, low: 0xC000_0201, port: port, isIPv6: false)
    }
}
