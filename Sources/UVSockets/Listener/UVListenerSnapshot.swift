/// A listener and its clients at one moment, from ``UVServerHandle/snapshot()``.
public struct UVListenerSnapshot: Sendable {
    /// The listener's statistics.
    public internal(set) var stats = UVListenerStats()
    /// The clients at that moment, in no particular order.
    public internal(set) var clients: [UVClientSnapshot] = []
}

/// A client at one moment.
public struct UVClientSnapshot: Sendable, Identifiable {
    /// The client's id within the server.
    public let id: UVConnection.ID
    /// The client's address.
    public let peer: UVEndpoint
    /// The connection's statistics.
    public let stats: UVConnectionStats
}

extension UVListener {
    /// The statistics of the listener and of each client, now.
    var snapshot: UVListenerSnapshot {
        UVListenerSnapshot(
            stats: stats,
            clients: clientTable.all.map {
                UVClientSnapshot(id: $0.id, peer: $0.peer, stats: $0.stats)
            })
    }
}
