/// Something with at most one deadline at a time.
protocol DeadlineOwner: AnyObject {
    /// The place of its entry in the wheel. Only the wheel writes it.
    var deadlineSlot: DeadlineSlot? { get set }
    /// The deadline passed. It is no longer scheduled.
    func deadlinePassed()
}

/// A place in a ``DeadlineWheel``.
struct DeadlineSlot: Equatable {
    fileprivate var index: Int32
    fileprivate var bucket: UInt8
}

/// Many deadlines on one timer. To schedule, replace or remove one is O(1) for any number.
///
/// The wheel is a ring of buckets, one for each tick. An entry lies in the bucket of the tick when
/// it is due, modulo the size of the ring. In earlier rounds it is passed over (hashed timing
/// wheel, Varghese and Lauck 1987).
struct DeadlineWheel {
    private struct Entry {
        let owner: any DeadlineOwner
        let due: UInt64
    }

    private var buckets = [[Entry]](repeating: [], count: 256)
    private(set) var count = 0
    private(set) var tick: UInt64 = 0

    /// Schedules the owner for `ticks` ticks from now, at least one. It replaces an earlier
    /// deadline.
    mutating func schedule(_ owner: any DeadlineOwner, ticks: UInt64) {
        remove(owner)
        let due = tick + max(1, ticks)
        let bucket = Int(due % UInt64(buckets.count))
        owner.deadlineSlot = DeadlineSlot(
            index: Int32(buckets[bucket].count), bucket: UInt8(bucket))
        buckets[bucket].append(Entry(owner: owner, due: due))
        count += 1
    }

    /// Removes the owner's deadline. It does nothing if the owner has none.
    mutating func remove(_ owner: any DeadlineOwner) {
        guard let slot = owner.deadlineSlot else { return }
        owner.deadlineSlot = nil
        count -= 1
        let bucket = Int(slot.bucket)
        guard let last = buckets[bucket].popLast(), last.owner !== owner else { return }
        buckets[bucket][Int(slot.index)] = last
        last.owner.deadlineSlot = slot
    }

    /// Advances by one tick.
    ///
    /// - Returns: The owners whose deadline has passed. They are no longer scheduled.
    mutating func advance() -> [any DeadlineOwner] {
        tick += 1
        let due = buckets[Int(tick % UInt64(buckets.count))].filter { $0.due == tick }.map(\.owner)
        for owner in due { remove(owner) }
        return due
    }
}

/// Drives the loop's wheel with one timer. The timer runs only while something is scheduled.
final class DeadlineClock {
    /// The precision of deadlines.
    static let tick = Duration.milliseconds(100)
    private static let tickMilliseconds: UInt64 = 100

    private(set) var timer: TimerHandle?
    private unowned let loop: UVLoop
    private var wheel = DeadlineWheel()
    /// When the current tick of the wheel began, in milliseconds of the loop's clock.
    private var tickBegan: UInt64 = 0

    init(on loop: UVLoop) throws(UVError) {
        self.loop = loop
        let timer = try TimerHandle(on: loop, isLoopsOwn: true) { [unowned self] in ticked() }
        timer.keepsLoopRunning = false
        self.timer = timer
    }

    func schedule(_ owner: any DeadlineOwner, after delay: Duration) {
        // If a handler has run for a long time, the loop's time is behind.
        loop.updateTime()
        if wheel.count == 0 {
            tickBegan = loop.now
            timer?.start(after: Self.tick, repeating: Self.tick)
        }
        // The ticks that the wheel has still to catch up with, and the one that has begun.
        let begun = (loop.now - tickBegan) / Self.tickMilliseconds + 1
        let wait =
            delay > .zero ? (delay.wholeMilliseconds - 1) / Self.tickMilliseconds + 1 : 0
        wheel.schedule(owner, ticks: begun + wait)
    }

    func unschedule(_ owner: any DeadlineOwner) {
        wheel.remove(owner)
        if wheel.count == 0 { timer?.stop() }
    }

    /// Catches up with the loop's time: a busy loop misses calls of the timer, but no tick.
    private func ticked() {
        while loop.now - tickBegan >= Self.tickMilliseconds, wheel.count > 0 {
            tickBegan += Self.tickMilliseconds
            for owner in wheel.advance() { owner.deadlinePassed() }
        }
        if wheel.count == 0 { timer?.stop() }
    }
}
