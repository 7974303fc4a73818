/// A listener and its clients at a moment; from ``UVServerHandle/snapshot()``.
public struct UVListenerSnapshot: Sendable {
    /// How the listener stood.
    public internal(set) var stats = UVListenerStats()
    /// The clients there were, in no particular order.
    public internal(set) var clients: [UVClientSnapshot] = []
}

/// A client at a moment.
public struct UVClientSnapshot: Sendable, Identifiable {
    /// Which of the server's clients it is.
    public let id: UVConnection.ID
    /// The client's address.
    public let peer: UVEndpoint
    /// What has passed over its connection.
    public let stats: UVConnectionStats
}

extension UVListener {
    /// How it and its clients stand.
    var snapshot: UVListenerSnapshot {
        UVListenerSnapshot(
            stats: stats,
            clients: clientTable.all.map {
                UVClientSnapshot(id: $0.id, peer: $0.peer, stats: $0.stats)
            })
    }
}
