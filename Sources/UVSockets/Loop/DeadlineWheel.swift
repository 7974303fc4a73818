/// Something with at most one deadline at a time.
protocol DeadlineOwner: AnyObject {
    /// Where the wheel keeps its entry; the wheel's to write.
    var deadlineSlot: DeadlineSlot? { get set }
    /// The deadline passed. It is not scheduled any more.
    func deadlinePassed()
}

/// A place in a ``DeadlineWheel``.
struct DeadlineSlot: Equatable {
    fileprivate var index: Int32
    fileprivate var bucket: UInt8
}

/// Many deadlines on one timer: to schedule, replace and remove one is O(1), whatever the number.
///
/// A ring of buckets, one a tick. An entry lies in the bucket of the tick it is due in, modulo the
/// ring, and is passed over in earlier rounds (hashed timing wheel, Varghese and Lauck 1987).
struct DeadlineWheel {
    private struct Entry {
        let owner: any DeadlineOwner
        let due: UInt64
    }

    private var buckets = [[Entry]](repeating: [], count: 256)
    private(set) var count = 0
    private(set) var tick: UInt64 = 0

    /// Schedules the owner for `ticks` ticks from now, at least one; replaces its former deadline.
    mutating func schedule(_ owner: any DeadlineOwner, ticks: UInt64) {
        remove(owner)
        let due = tick + max(1, ticks)
        let bucket = Int(due % UInt64(buckets.count))
        owner.deadlineSlot = DeadlineSlot(
            index: Int32(buckets[bucket].count), bucket: UInt8(bucket))
        buckets[bucket].append(Entry(owner: owner, due: due))
        count += 1
    }

    /// Removes the owner's deadline; nothing where it has none.
    mutating func remove(_ owner: any DeadlineOwner) {
        guard let slot = owner.deadlineSlot else { return }
        owner.deadlineSlot = nil
        count -= 1
        let bucket = Int(slot.bucket)
        guard let last = buckets[bucket].popLast(), last.owner !== owner else { return }
        buckets[bucket][Int(slot.index)] = last
        last.owner.deadlineSlot = slot
    }

    /// Moves on by a tick.
    ///
    /// - Returns: Whose deadline has passed; they are not scheduled any more.
    mutating func advance() -> [any DeadlineOwner] {
        tick += 1
        let due = buckets[Int(tick % UInt64(buckets.count))].filter { $0.due == tick }.map(\.owner)
        for owner in due { remove(owner) }
        return due
    }
}

/// Drives the loop's wheel with one timer, which runs only while something is scheduled.
final class DeadlineClock {
    /// How exact deadlines are.
    static let tick = Duration.milliseconds(100)
    private static let tickMilliseconds: UInt64 = 100

    private(set) var timer: TimerHandle?
    private unowned let loop: UVLoop
    private var wheel = DeadlineWheel()
    /// When the wheel's present tick began, in the loop's milliseconds.
    private var tickBegan: UInt64 = 0

    init(on loop: UVLoop) throws(UVError) {
        self.loop = loop
        let timer = try TimerHandle(on: loop, isLoopsOwn: true) { [unowned self] in ticked() }
        timer.keepsLoopRunning = false
        self.timer = timer
    }

    func schedule(_ owner: any DeadlineOwner, after delay: Duration) {
        // A handler that has run for long has left the loop's time behind.
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

    /// A busy loop misses calls of the timer, but no tick of the wheel.
    private func ticked() {
        while loop.now - tickBegan >= Self.tickMilliseconds, wheel.count > 0 {
            tickBegan += Self.tickMilliseconds
            for owner in wheel.advance() { owner.deadlinePassed() }
        }
        if wheel.count == 0 { timer?.stop() }
    }
}
