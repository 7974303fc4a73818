/// A client that has ended, from ``UVListener/endedClients(badOnly:)``.
public struct UVEndedClient: Sendable, Identifiable, CustomStringConvertible {
    /// The client's id within its server.
    public let id: UVConnection.ID
    /// Its address.
    public let peer: UVEndpoint
    /// Why it ended.
    public let reason: UVEndReason
    /// Its counters at the end. The age is how long it lasted.
    public let stats: UVConnectionStats
    /// How long ago it ended.
    public let ago: Duration
    /// Its last events, the oldest first: at most 32, and only after a bad end. When many clients
    /// end badly, 20 a second have them.
    public let history: [UVRecordedEvent]
    /// Where what came did not fit the framing, with the bytes around it. Nil unless that is the
    /// ``reason``.
    public let framingFault: UVFramingFault?

    init(_ end: EndedClients.End, now: UInt64) {
        (id, peer, reason, stats) = (end.id, end.peer.endpoint, end.reason, end.stats)
        ago = .milliseconds(now - min(now, end.at))
        history = end.history.map(UVRecordedEvent.init)
        framingFault = end.fault
    }

    /// One line about it, without its history. After a framing error it has the bytes around the
    /// error.
    public var description: String {
        """
        \(id) \(peer) \(framingFault.map { "\($0)" } ?? "\(reason)"), \(ago.components.seconds) s ago, after \
        \(stats.age.components.seconds) s, \(stats.bytesReceived) bytes in, \
        \(stats.bytesSent) bytes out
        """
    }
}

extension UVListener {
    /// The clients that have ended last, the latest first.
    ///
    /// The last 1,024 are kept. The last 256 that ended badly are kept apart, so that others do not
    /// push them out. Every end is bad that neither the peer nor this side has asked for: a reset, a
    /// peer that has vanished or does not read, a framing error, a handler that failed.
    ///
    /// - Parameter badOnly: Whether only bad ends count.
    /// - Returns: The clients.
    public func endedClients(badOnly: Bool = false) -> [UVEndedClient] {
        loop.confine("UVListener.endedClients")
        return ended.list(badOnly: badOnly, now: loop.now)
    }
}

extension UVServerHandle {
    /// The clients of all loops that have ended last, the latest first; see
    /// ``UVListener/endedClients(badOnly:)``.
    ///
    /// - Parameter badOnly: Whether only bad ends count.
    /// - Returns: The clients.
    nonisolated(nonsending) public func endedClients(
        badOnly: Bool = false
    ) async -> [UVEndedClient] {
        await ask { listener, reply in reply(listener.endedClients(badOnly: badOnly)) }
            .flatMap(\.self).sorted { $0.ago < $1.ago }
    }

    /// The last events of a client, the oldest first: at most 32, of a present client or of one that
    /// has gone; see ``UVConnection/history``.
    ///
    /// - Parameter id: The client's id.
    /// - Returns: The events.
    nonisolated(nonsending) public func history(
        of id: UVConnection.ID
    ) async -> [UVRecordedEvent] {
        guard let part = part(of: id) else { return [] }
        return await ask([part]) { listener, reply in reply(listener.history(of: id)) }
            .flatMap(\.self)
    }
}

extension UVListener {
    func history(of id: UVConnection.ID) -> [UVRecordedEvent] {
        let number = events.number & 0xFF_FFFF
        let records = loop.recorder?.last(UVLoop.historyLimit) {
            $0.connection == id && $0.agent == number
        }
        return (records ?? []).map(UVRecordedEvent.init)
    }
}
