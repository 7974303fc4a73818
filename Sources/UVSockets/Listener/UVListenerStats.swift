/// The statistics of a listener: its present state and its counts since it was made.
///
/// They come from ``UVListener/stats``.
public struct UVListenerStats: Sendable, Hashable {
    /// How many clients there are.
    public internal(set) var clients = 0
    /// How many clients there may be at a time.
    public internal(set) var maxConnections = 0
    /// The greatest number of clients at a time so far.
    public internal(set) var peakClients = 0
    /// How many clients there have been so far.
    public internal(set) var accepted: UInt64 = 0
    /// How many clients it has refused, by reason.
    public internal(set) var refusals = UVRefusals()
    /// How many times accepting has failed, or listening again after that.
    public internal(set) var acceptFailures = 0
    /// How connections have ended, by ``UVEndReason/kind``.
    public internal(set) var ends: [UVEndReason.Kind: UInt64] = [:]
    /// How many bytes were received from all clients so far.
    public internal(set) var bytesReceived: UInt64 = 0
    /// How many messages were received. Without a framing, the number of reads.
    public internal(set) var messagesReceived: UInt64 = 0
    /// How many bytes the kernel has taken to send.
    public internal(set) var bytesSent: UInt64 = 0
    /// How many bytes wait in the queues of all clients.
    public internal(set) var bytesQueued = 0
    /// How many clients were ended because of the `outboundBudget`.
    public internal(set) var evictions: UInt64 = 0
    /// How often a client was held back because of its `bytesPerSecond` or `messagesPerSecond`.
    public internal(set) var rateHolds: UInt64 = 0
    /// How often a client had used up its `receiveBudget`, so that other clients came first.
    public internal(set) var turnsUsedUp: UInt64 = 0
    /// How often a handler took longer than the `handlerTimeWarning`.
    public internal(set) var slowHandlers: UInt64 = 0
    /// How often a broadcast was not sent to a client because it was slow.
    public internal(set) var skips: UInt64 = 0
    /// How often a broadcast replaced an older one that waited in a client's queue.
    public internal(set) var replacements: UInt64 = 0

    package init() {}

    /// Adds the counts of another listener of the same server.
    package mutating func add(_ other: UVListenerStats) {
        clients += other.clients
        // All listeners of a server share these two values.
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

/// The statistics of a connection, from ``UVConnection/stats``.
public struct UVConnectionStats: Sendable, Hashable {
    /// How long ago the connection began.
    public let age: Duration
    /// How many bytes were received.
    public let bytesReceived: UInt64
    /// How many whole messages were received. Without a framing, the number of reads.
    public let messagesReceived: UInt64
    /// How many bytes the kernel has taken to send.
    public let bytesSent: UInt64
    /// How many sent bytes the kernel has not taken yet.
    public let bytesQueued: Int
}

extension UVListener {
    /// The listener's statistics. Reading them visits each client.
    public var stats: UVListenerStats {
        loop.confine("UVListener.stats")
        var stats = past.stats
        for client in clientTable.all { stats.add(client) }
        return complete(stats)
    }

    /// Adds to the sums over all clients what the listener itself counts.
    func complete(_ sums: UVListenerStats) -> UVListenerStats {
        var stats = sums
        stats.clients = clientTable.all.count
        stats.maxConnections = part.admissions.limit
        stats.peakClients = part.admissions.peak
        stats.accepted = joined
        stats.refusals = refused
        stats.acceptFailures = failures
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
    mutating func add(_ client: UVConnection) {
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
    private(set) var durations = DurationCounts()
    private var ends = [UInt64](repeating: 0, count: UVEndReason.Kind.allCases.count)

    func add(_ client: UVConnection, _ reason: UVEndReason) {
        bytesReceived += client.bytesReceived
        messagesReceived += client.messagesReceived
        bytesSent += client.bytesSent
        ends[reason.kind.rawValue] += 1
        durations.count(milliseconds: client.loop.now - client.deadlines.openedAt)
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
    /// The connection's statistics, also after it has ended.
    public var stats: UVConnectionStats {
        UVConnectionStats(
            age: age, bytesReceived: bytesReceived, messagesReceived: messagesReceived,
            bytesSent: bytesSent, bytesQueued: bytesQueued)
    }
}
