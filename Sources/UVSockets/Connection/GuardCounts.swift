/// How often the guards of an agent's connections have acted.
struct GuardCounts {
    /// A connection had received as much as it may in one turn, and the others came first.
    var turnsUsedUp: UInt64 = 0
    /// A connection was held back because of its rate.
    var rateHolds: UInt64 = 0
    /// A handler took longer than is warned of.
    var slowHandlers: UInt64 = 0
    /// A client was ended because all queues together had become too long.
    var evictions: UInt64 = 0
    /// A broadcast was not sent to a slow client, or took the place of an older one in its queue.
    var skips: UInt64 = 0
    var replacements: UInt64 = 0
}
