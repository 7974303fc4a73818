/// An IP address and a port, as they stand in a packet.
package struct WireAddress: Hashable, Sendable {
    /// The 16 bytes of the address as two numbers. An IPv4 address is in the last 4 bytes.
    package let high: UInt64
    package let low: UInt64
    package let port: UInt16
    package let isIPv6: Bool

    package init(high: UInt64, low: UInt64, port: UInt16, isIPv6: Bool) {
        (self.high, self.low, self.port, self.isIPv6) = (high, low, port, isIPv6)
    }
}

// What a tap needs to know of a connection.
extension UVConnection {
    /// The address of the peer; nil for a Unix-domain socket.
    package var wirePeer: WireAddress? { peerAddress.wire }
    /// The address of this end; nil for a Unix-domain socket, and once the socket is closed.
    package var wireLocal: WireAddress? { isUnix ? nil : handle.localAddress?.wire }
    /// Whether the peer has connected to this side.
    package var isIncoming: Bool { agent is UVListener }
    /// Whether the socket is closed, or being closed.
    package var isClosedOnWire: Bool { state.isClosed }
    /// Whether the peer has finished sending.
    package var hasPeerFinished: Bool { state.hasPeerFinished }
    /// Whether the peer was told that no more bytes follow.
    package var hasSentEnd: Bool { state.hasSentFIN }
    /// How many bytes the kernel has taken and the peer has not acknowledged. The end of the stream
    /// counts as one byte. A Unix-domain socket does not tell: there it is 0.
    package var wireUnacknowledged: Int { isUnix ? 0 : handle.bytesUnacknowledged }
    /// The bytes that have come and do not make a whole message yet.
    package var partOfMessage: [UInt8] {
        guard let extras, extras.layer == nil else { return [] }
        return extras.assembler.unfinished
    }
    /// Whether the bytes on the wire are not those of the framing, or will not be.
    package var hasLayer: Bool { extras?.layer != nil || events.makeLayer != nil }
    /// How many whole messages have come, without a check of the thread.
    package var messageCount: UInt64 { messagesIn }

    /// The time of a network in memory, in nanoseconds since it was made; nil for sockets.
    package var memoryTime: UInt64? { loop.network == nil ? nil : loop.now * 1_000_000 }
}

extension UVAddressRange {
    /// Whether it contains the peer of a connection.
    package func contains(peerOf connection: UVConnection) -> Bool {
        contains(connection.peerAddress)
    }
}
