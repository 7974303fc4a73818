internal import HeapModule

/// The clock of a loop that has no sockets. It stands still until it is moved.
///
/// The loop's timers are its entries.
@safe package final class VirtualClock {
    private struct Entry: Comparable {
        let at: UInt64
        /// Timers of the same time keep the order in which they were set.
        let sequence: UInt64
        let timer: TimerHandle
        let interval: UInt64

        static func < (one: Entry, other: Entry) -> Bool {
            (one.at, one.sequence) < (other.at, other.sequence)
        }

        static func == (one: Entry, other: Entry) -> Bool { one.sequence == other.sequence }
    }

    /// The current time in milliseconds, at the address where the loop reads it.
    let time = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    /// What will fire, and also what was stopped meanwhile.
    private var entries = Heap<Entry>()
    /// The sequence numbers of the timers that are set.
    private var set: [ObjectIdentifier: UInt64] = [:]
    private var lastSequence: UInt64 = 0
    /// How many timers are set that are not the library's own housekeeping.
    private var wanted = 0

    init() {
        unsafe time.initialize(to: 0)
    }

    deinit {
        unsafe time.deallocate()
    }

    /// The current time, in milliseconds.
    package var now: UInt64 { unsafe time.pointee }

    /// Whether a timer is set that somebody waits for: any but the library's own housekeeping.
    var isAwaited: Bool { wanted > 0 }

    /// When the next timer fires.
    var next: UInt64? {
        while let first = entries.min, !isSet(first) { entries.removeMin() }
        return entries.min?.at
    }

    /// The time after a duration. It does not overflow.
    func time(after duration: Duration) -> UInt64 {
        time(after: duration > .zero ? duration.wholeMilliseconds : 0)
    }

    private func time(after milliseconds: UInt64) -> UInt64 {
        let (sum, isTooLarge) = now.addingReportingOverflow(milliseconds)
        return isTooLarge ? .max : sum
    }

    func start(_ timer: TimerHandle, after delay: UInt64, repeating interval: UInt64) {
        stop(timer)
        lastSequence += 1
        set[ObjectIdentifier(timer)] = lastSequence
        if !timer.isHousekeeping { wanted += 1 }
        entries.insert(
            Entry(at: time(after: delay), sequence: lastSequence, timer: timer, interval: interval))
    }

    func stop(_ timer: TimerHandle) {
        guard set.removeValue(forKey: ObjectIdentifier(timer)) != nil else { return }
        if !timer.isHousekeeping { wanted -= 1 }
    }

    /// Moves the time forward. It never goes back.
    func move(to time: UInt64) {
        unsafe self.time.pointee = max(now, time)
    }

    /// Calls the timers that are due, but not the timers that these calls start.
    ///
    /// - Returns: Whether a timer was due.
    func fire() -> Bool {
        var due: [Entry] = []
        while let first = entries.min, first.at <= now { due.append(entries.removeMin()) }
        var hasFired = false
        // A call may stop or restart another timer.
        for entry in due where isSet(entry) {
            hasFired = true
            stop(entry.timer)
            if entry.interval > 0 {
                start(entry.timer, after: entry.interval, repeating: entry.interval)
            }
            entry.timer.ticked()
        }
        return hasFired
    }

    private func isSet(_ entry: Entry) -> Bool {
        set[ObjectIdentifier(entry.timer)] == entry.sequence
    }
}
