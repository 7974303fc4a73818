/// How often the guards of an agent's connections have acted.
struct GuardCounts {
    /// A connection had received its share of one turn, so others came first.
    var turnsUsedUp: UInt64 = 0
    /// A connection was held back because of its rate.
    var rateHolds: UInt64 = 0
    /// A handler took longer than the warning limit.
    var slowHandlers: UInt64 = 0
    /// A client was ended because all queues together had too many bytes.
    var evictions: UInt64 = 0
    /// A broadcast was not sent to a slow client, or it replaced an older one in the queue.
    var skips: UInt64 = 0
    var replacements: UInt64 = 0
}
