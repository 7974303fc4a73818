/// Decides whether a connection has taken too long for something. A pure value: it is told facts,
/// each of which costs a store or two, and asked now and then what is due.
///
/// One entry in the loop's wheel is enough: set it to ``next(now:_:)`` when the connection begins,
/// ask ``due(now:_:)`` when it fires, and set it again. No fact makes anything due sooner than
/// `next` said, so nothing is scheduled for a message.
///
/// 24 bytes. Moments other than the beginning are kept as their low 32 bits, which wrap around every
/// 49.7 days, while what is measured from them is at most 49 days: a connection may be of any age,
/// and asked up to 17 hours late. Times never go back.
struct ConnectionDeadlines {
    /// What took too long.
    enum Due: Equatable {
        /// The connection reached its greatest age.
        case lifetime
        /// No whole frame came in the time for the first.
        case firstFrame
        /// Nothing came in, or nothing moved either way.
        case idle
        /// Bytes waited, and the kernel took none of them.
        case stalled
        /// The queue stayed above the soft limit.
        case slowReceiver
    }

    /// When the connection began.
    let openedAt: UInt64
    private var activeAt: UInt32
    private var waitsSince: UInt32 = 0
    /// Or, of a connection that lingers and queues nothing any more, when that began.
    private var isAboveSince: UInt32 = 0
    private let countsSent: Bool
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

    /// The kernel took bytes, queued ones or not.
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

    /// The queue is not empty any more; nothing where it was not before.
    mutating func queueFilled(at now: UInt64) {
        guard !isWaiting else { return }
        isWaiting = true
        waitsSince = UInt32(truncatingIfNeeded: now)
    }

    /// The queue is empty.
    mutating func queueEmptied() {
        isWaiting = false
    }

    /// The queue has passed the soft limit; nothing where it is above it already.
    mutating func roseAboveSoftLimit(at now: UInt64) {
        guard !isAbove else { return }
        isAbove = true
        isAboveSince = UInt32(truncatingIfNeeded: now)
    }

    /// The queue is at the soft limit or below it.
    mutating func fellBelowSoftLimit() {
        isAbove = false
    }

    /// All was sent, and the peer is waited for.
    mutating func lingeringBegan(at now: UInt64) {
        isAboveSince = UInt32(truncatingIfNeeded: now)
    }

    /// For how many milliseconds the peer has been waited for.
    func lingering(at now: UInt64) -> UInt64 {
        now - moment(isAboveSince, now)
    }

    /// What has taken as long as its limit or longer; of several what did so first.
    func due(now: UInt64, _ limits: DeadlineLimits) -> Due? {
        let first = earliest(now, limits)
        return first.at <= now ? first.due : nil
    }

    /// The earliest millisecond at which something could be due, whatever happens until then; nil
    /// where nothing ever could.
    func next(now: UInt64, _ limits: DeadlineLimits) -> UInt64? {
        var at = earliest(now, limits).at
        // The queue may fill, or rise, right now.
        if !isWaiting, let limit = limits.writeStall { at = min(at, now + limit) }
        if !isAbove, let limit = limits.softLimit { at = min(at, now + limit) }
        return at < .max ? at : nil
    }

    /// What will be due first if nothing happens, and when; at the end of time if nothing will.
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

    /// The last moment up to now that has these low bits.
    private func moment(_ bits: UInt32, _ now: UInt64) -> UInt64 {
        now - UInt64(UInt32(truncatingIfNeeded: now) &- bits)
    }
}
