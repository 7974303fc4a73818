/// What has happened at a listener since it was made, and how it stands; from ``UVListener/stats``.
public struct UVListenerStats: Sendable, Hashable {
    /// How many clients there are.
    public internal(set) var clients = 0
    /// How many there may be at a time.
    public internal(set) var maxConnections = 0
    /// The most there have been at a time.
    public internal(set) var peakClients = 0
    /// How many there have been.
    public internal(set) var accepted: UInt64 = 0
    /// Whom it has refused, by reason.
    public internal(set) var refusals = UVRefusals()
    /// How many times accepting, or listening again after that, has failed.
    public internal(set) var acceptFailures = 0
    /// How connections have ended, by ``UVEndReason/kind``.
    public internal(set) var ends: [UVEndReason.Kind: UInt64] = [:]
    /// How many bytes came in from all clients there have been.
    public internal(set) var bytesReceived: UInt64 = 0
    /// How many messages came in; without a framing, how many times bytes did.
    public internal(set) var messagesReceived: UInt64 = 0
    /// How many bytes the kernel has taken to send.
    public internal(set) var bytesSent: UInt64 = 0
    /// How many bytes wait in the queues of all clients.
    public internal(set) var bytesQueued = 0
    /// How many clients were ended because of the `outboundBudget`.
    public internal(set) var evictions: UInt64 = 0
    /// How often a client was held back because of its `bytesPerSecond` or `messagesPerSecond`.
    public internal(set) var rateHolds: UInt64 = 0
    /// How often a client had received its `receiveBudget`, and the others came first.
    public internal(set) var turnsUsedUp: UInt64 = 0
    /// How often a handler took longer than the `handlerTimeWarning`.
    public internal(set) var slowHandlers: UInt64 = 0
    /// How often a broadcast was not sent to a client because it was slow.
    public internal(set) var skips: UInt64 = 0
    /// How often a broadcast took the place of an older one that waited in a client's queue.
    public internal(set) var replacements: UInt64 = 0

    /// Adds the counts of another listener of the same server.
    mutating func add(_ other: UVListenerStats) {
        clients += other.clients
        // They count these together.
        maxConnections = max(maxConnections, other.maxConnections)
        peakClients = max(peakClients, other.peakClients)
        accepted += other.accepted
        refusals.add(other.refusals)
        acceptFailures += other.acceptFailures
        ends.merge(other.ends, uniquingKeysWith: +)
        bytesReceived += other.bytesReceived
        messagesReceived += other.messagesReceived
        bytesSent += other.bytesSent
        bytesQueued += other.bytesQueued
        evictions += other.evictions
        rateHolds += other.rateHolds
        turnsUsedUp += other.turnsUsedUp
        slowHandlers += other.slowHandlers
        skips += other.skips
        replacements += other.replacements
    }
}

/// What has passed over a connection; from ``UVConnection/stats``.
public struct UVConnectionStats: Sendable, Hashable {
    /// How long ago it began.
    public let age: Duration
    /// How many bytes came in.
    public let bytesReceived: UInt64
    /// How many messages came in whole; without a framing, how many times bytes did.
    public let messagesReceived: UInt64
    /// How many bytes the kernel has taken to send.
    public let bytesSent: UInt64
    /// How many bytes were sent that the kernel has not taken yet.
    public let bytesQueued: Int
}

extension UVListener {
    /// How it stands. To read it costs a visit to each client.
    public var stats: UVListenerStats {
        loop.confine("UVListener.stats")
        var stats = past.stats
        stats.clients = clientTable.all.count
        stats.maxConnections = part.admissions.limit
        stats.peakClients = part.admissions.peak
        stats.accepted = joined
        stats.refusals = refused
        stats.acceptFailures = failures
        for client in clientTable.all { stats.add(client) }
        stats.bytesQueued = bytesQueued
        stats.evictions = events.guards.evictions
        stats.rateHolds = events.guards.rateHolds
        stats.turnsUsedUp = events.guards.turnsUsedUp
        stats.slowHandlers = events.guards.slowHandlers
        stats.skips = events.guards.skips
        stats.replacements = events.guards.replacements
        return stats
    }
}

extension UVListenerStats {
    fileprivate mutating func add(_ client: UVConnection) {
        bytesReceived += client.bytesReceived
        messagesReceived += client.messagesReceived
        bytesSent += client.bytesSent
    }
}

/// The sums over all clients whose connections have ended.
final class PastClients {
    private var bytesReceived: UInt64 = 0
    private var messagesReceived: UInt64 = 0
    private var bytesSent: UInt64 = 0
    private var ends = [UInt64](repeating: 0, count: UVEndReason.Kind.allCases.count)

    func add(_ client: UVConnection, _ reason: UVEndReason) {
        bytesReceived += client.bytesReceived
        messagesReceived += client.messagesReceived
        bytesSent += client.bytesSent
        ends[reason.kind.rawValue] += 1
    }

    /// The sums, as a part of a listener's statistics.
    var stats: UVListenerStats {
        var stats = UVListenerStats()
        stats.bytesReceived = bytesReceived
        stats.messagesReceived = messagesReceived
        stats.bytesSent = bytesSent
        for kind in UVEndReason.Kind.allCases where ends[kind.rawValue] > 0 {
            stats.ends[kind] = ends[kind.rawValue]
        }
        return stats
    }
}

extension UVConnection {
    /// What has passed over it, also after it has ended.
    public var stats: UVConnectionStats {
        UVConnectionStats(
            age: age, bytesReceived: bytesReceived, messagesReceived: messagesReceived,
            bytesSent: bytesSent, bytesQueued: bytesQueued)
    }
}
