/// Decides whether a connection has taken too long for something. A pure value: it is told facts,
/// and asked from time to time what is due. Each fact costs one or two stores.
///
/// It needs one entry in the loop's wheel. Set the entry to ``next(now:_:)`` when the connection
/// begins. When it fires, ask ``due(now:_:)`` and set it again. No fact makes anything due earlier
/// than `next` said, so nothing is scheduled for a message.
///
/// It takes 24 bytes. All times except the beginning are stored as their low 32 bits, which wrap
/// around every 49.7 days. What is measured from them is at most 49 days. So a connection may be of
/// any age, and `due` may be asked up to 17 hours late. Times never go back.
struct ConnectionDeadlines {
    /// What has taken too long.
    enum Due: Equatable {
        /// The connection has reached its maximum age.
        case lifetime
        /// No whole frame came within the time for the first one.
        case firstFrame
        /// Nothing came in, or nothing moved in either direction.
        case idle
        /// Bytes waited, and the kernel took none of them.
        case stalled
        /// The queue stayed above the soft limit for too long.
        case slowReceiver
    }

    /// When the connection began.
    let openedAt: UInt64
    private var activeAt: UInt32
    private var waitsSince: UInt32 = 0
    /// When the queue rose above the soft limit. For a connection that lingers, and so queues
    /// nothing any more, when the lingering began.
    private var isAboveSince: UInt32 = 0
    var countsSent: Bool
    private var hasFrame = false
    private var isWaiting = false
    private var isAbove = false

    /// The connection begins.
    init(openedAt now: UInt64, _ limits: DeadlineLimits) {
        openedAt = now
        activeAt = UInt32(truncatingIfNeeded: now)
        countsSent = limits.idleCountsSent
    }

    /// Bytes came in.
    @inline(__always)
    mutating func received(at now: UInt64) {
        activeAt = UInt32(truncatingIfNeeded: now)
    }

    /// The kernel took bytes, from the queue or directly.
    @inline(__always)
    mutating func sent(at now: UInt64) {
        if countsSent { activeAt = UInt32(truncatingIfNeeded: now) }
        if isWaiting { waitsSince = UInt32(truncatingIfNeeded: now) }
    }

    /// A whole frame has come.
    @inline(__always)
    mutating func frameReceived() {
        hasFrame = true
    }

    /// The queue is not empty any more. Has no effect if it was not empty before.
    mutating func queueFilled(at now: UInt64) {
        guard !isWaiting else { return }
        isWaiting = true
        waitsSince = UInt32(truncatingIfNeeded: now)
    }

    /// The queue is empty.
    mutating func queueEmptied() {
        isWaiting = false
    }

    /// The queue has passed the soft limit. Has no effect if it was above it before.
    mutating func roseAboveSoftLimit(at now: UInt64) {
        guard !isAbove else { return }
        isAbove = true
        isAboveSince = UInt32(truncatingIfNeeded: now)
    }

    /// The queue is at the soft limit or below it.
    mutating func fellBelowSoftLimit() {
        isAbove = false
    }

    /// Everything was sent. From now on the connection waits for the peer.
    mutating func lingeringBegan(at now: UInt64) {
        isAboveSince = UInt32(truncatingIfNeeded: now)
    }

    /// How many milliseconds the connection has waited for the peer.
    func lingering(at now: UInt64) -> UInt64 {
        now - moment(isAboveSince, now)
    }

    /// What has reached its limit. If several have, the one that was first.
    func due(now: UInt64, _ limits: DeadlineLimits) -> Due? {
        let first = earliest(now, limits)
        return first.at <= now ? first.due : nil
    }

    /// In how many milliseconds something is due if nothing happens before; nil if it never is.
    func wait(for due: Due, now: UInt64, _ limits: DeadlineLimits) -> UInt64? {
        func left(since start: UInt64, _ limit: UInt64?) -> UInt64? {
            limit.map { start + $0 > now ? start + $0 - now : 0 }
        }
        return switch due {
        case .lifetime: left(since: openedAt, limits.lifetime)
        case .firstFrame: hasFrame ? nil : left(since: openedAt, limits.firstFrame)
        case .idle: left(since: moment(activeAt, now), limits.idle)
        case .stalled: isWaiting ? left(since: moment(waitsSince, now), limits.writeStall) : nil
        case .slowReceiver:
            isAbove ? left(since: moment(isAboveSince, now), limits.softLimit) : nil
        }
    }

    /// How many milliseconds ago bytes came, or also left if that counts.
    func quiet(at now: UInt64) -> UInt64 { now - moment(activeAt, now) }

    /// For how many milliseconds the queue has made no progress; nil if nothing is queued.
    func stuck(at now: UInt64) -> UInt64? { isWaiting ? now - moment(waitsSince, now) : nil }

    /// The earliest millisecond at which something could be due, whatever happens until then. Nil
    /// if nothing ever can be.
    func next(now: UInt64, _ limits: DeadlineLimits) -> UInt64? {
        var at = earliest(now, limits).at
        // The queue may fill, or pass the soft limit, right now.
        if !isWaiting, let limit = limits.writeStall { at = min(at, now + limit) }
        if !isAbove, let limit = limits.softLimit { at = min(at, now + limit) }
        return at < .max ? at : nil
    }

    /// What is due first if nothing happens, and when. The time is `UInt64.max` if nothing ever is.
    private func earliest(_ now: UInt64, _ limits: DeadlineLimits) -> (at: UInt64, due: Due) {
        var first = (at: UInt64.max, due: Due.lifetime)
        func consider(_ due: Due, since start: UInt64, _ limit: UInt64?) {
            guard let limit, start + limit < first.at else { return }
            first = (start + limit, due)
        }
        consider(.lifetime, since: openedAt, limits.lifetime)
        if !hasFrame { consider(.firstFrame, since: openedAt, limits.firstFrame) }
        consider(.idle, since: moment(activeAt, now), limits.idle)
        if isWaiting { consider(.stalled, since: moment(waitsSince, now), limits.writeStall) }
        if isAbove { consider(.slowReceiver, since: moment(isAboveSince, now), limits.softLimit) }
        return first
    }

    /// The latest time, up to now, that has these low 32 bits.
    private func moment(_ bits: UInt32, _ now: UInt64) -> UInt64 {
        now - UInt64(UInt32(truncatingIfNeeded: now) &- bits)
    }
}
