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
    /// A broadcast went to a client at once, or into its queue, or it ended the client.
    var sentAtOnce: UInt64 = 0
    var queued: UInt64 = 0
    var disconnections: UInt64 = 0
    /// A broadcast was not sent, because it waits for this many slow clients.
    var waits: UInt64 = 0
    /// A queue has risen above the high watermark.
    var watermarkRises: UInt64 = 0
    /// A sender was told that the queue is full. The first one of each time is no mistake.
    var fullAnswers: UInt64 = 0
    /// A connection was not received from because it had as many tasks as it may.
    var taskHolds: UInt64 = 0
    /// What was queued did not leave within the flush timeout.
    var flushTimeouts: UInt64 = 0
    /// The peer did not close within the linger timeout.
    var lingerTimeouts: UInt64 = 0
}
