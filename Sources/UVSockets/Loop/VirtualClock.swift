/// The clock of a loop that has no sockets. It stands still until it is moved.
///
/// The loop's timers are its entries.
@safe package final class VirtualClock {
    private struct Entry {
        let at: UInt64
        let timer: TimerHandle
        let interval: UInt64
    }

    /// The current time in milliseconds, at the address where the loop reads it.
    let time = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    /// The timers that will fire, the next one first. Timers of the same time keep the order in
    /// which they were set.
    private var entries: [Entry] = []

    init() {
        unsafe time.initialize(to: 0)
    }

    deinit {
        unsafe time.deallocate()
    }

    /// The current time, in milliseconds.
    package var now: UInt64 { unsafe time.pointee }

    /// When the next timer fires.
    var next: UInt64? { entries.first?.at }

    /// Whether a timer is set for which the loop goes on running.
    var keepsLoopRunning: Bool { entries.contains { $0.timer.keepsLoopRunning } }

    func start(_ timer: TimerHandle, after delay: UInt64, repeating interval: UInt64) {
        stop(timer)
        let at = now.addingReportingOverflow(delay)
        let entry = Entry(
            at: at.overflow ? .max : at.partialValue, timer: timer, interval: interval)
        let index = entries.firstIndex { $0.at > entry.at } ?? entries.count
        entries.insert(entry, at: index)
    }

    func stop(_ timer: TimerHandle) {
        entries.removeAll { $0.timer === timer }
    }

    /// Moves the time forward. It never goes back.
    func move(to time: UInt64) {
        unsafe self.time.pointee = max(now, time)
    }

    /// Calls the timers that are due, but not the timers that these calls start.
    ///
    /// - Returns: Whether a timer was due.
    func fire() -> Bool {
        let due = entries.prefix { $0.at <= now }
        for entry in due where isSet(entry) {
            stop(entry.timer)
            if entry.interval > 0 {
                start(entry.timer, after: entry.interval, repeating: entry.interval)
            }
            entry.timer.ticked()
        }
        return !due.isEmpty
    }

    /// Whether nobody has stopped or restarted the timer meanwhile.
    private func isSet(_ entry: Entry) -> Bool {
        entries.contains { $0.timer === entry.timer && $0.at == entry.at }
    }
}
