internal import Logging
internal import Synchronization

/// Watches loops from a thread of its own, and says which handler holds one.
///
/// A handler that computes for long, reads a file, or waits for a lock stops every connection of
/// its loop. The watchdog says so while it lasts:
///
///     let watchdog = try UVWatchdog(watching: [loop])
///
///     loop 0 is blocked: the message handler of client 7 of the listener at main.swift:12 has run
///     for 1.0 s, waiting for a lock or another thread
///
/// It says so when the threshold has passed, again at ten times the threshold, and once more when
/// the handler has returned. Each goes to the loop's logger, at `warning`. A loop that sleeps is
/// not blocked. Nor is one whose process was stopped, by SIGSTOP or with its machine.
///
/// A loop pays nothing for it. The watchdog looks at each loop 20 times in a threshold, every 1
/// to 50 ms. It watches until it is stopped or released, or all loops are closed. It does
/// not keep a loop alive.
public final class UVWatchdog: Sendable {
    private let kennel: Kennel

    /// Starts to watch.
    ///
    /// - Parameters:
    ///   - loops: The loops, such as ``UVLoopGroup/loops`` or ``UVServerHandle/loops``.
    ///   - threshold: How long a handler may run, at least 10 ms.
    ///   - onReport: Called on the watchdog's thread with each report, after it was logged.
    /// - Throws: ``UVError`` if the system has no thread left.
    public convenience init(
        watching loops: [UVLoop], threshold: Duration = .seconds(1),
        onReport: (@Sendable (UVBlockedLoop) -> Void)? = nil
    ) throws(UVError) {
        try self.init(watching: loops, threshold, sharesDescriptors: true, onReport)
    }

    /// Starts to watch.
    ///
    /// - Parameters:
    ///   - loops: The loops.
    ///   - threshold: How long a handler may run.
    ///   - sharesDescriptors: Whether its thread uses the process's descriptors. If not, it has the
    ///     standard ones alone, and the process's system calls cost no more than without it. The
    ///     logger and `onReport` must then use no others.
    ///   - onReport: Called with each report.
    /// - Throws: ``UVError`` if the system has no thread left.
    package init(
        watching loops: [UVLoop], _ threshold: Duration, sharesDescriptors: Bool,
        _ onReport: (@Sendable (UVBlockedLoop) -> Void)? = nil
    ) throws(UVError) {
        let nanoseconds = max(.milliseconds(10), threshold).wholeMilliseconds * 1_000_000
        kennel = Kennel(loops, threshold: nanoseconds, onReport)
        try startThread { [kennel] in
            if !sharesDescriptors { leaveDescriptors() }
            kennel.watch()
        }
    }

    deinit {
        kennel.isStopped.store(true, ordering: .relaxed)
    }

    /// Ends the watch. A second call does nothing.
    public func stop() {
        kennel.isStopped.store(true, ordering: .relaxed)
    }
}

/// The loops that a watchdog watches. It belongs to the watchdog's thread.
private final class Kennel: Sendable {
    private struct Watched: Sendable {
        let number: Int
        let observer: LoopObserver
        let logger: Logger
    }

    let isStopped = Atomic<Bool>(false)
    private let watched: [Watched]
    private let threshold: UInt64
    private let onReport: (@Sendable (UVBlockedLoop) -> Void)?

    /// So long does a stop take at most.
    private static let longestPause: UInt64 = 50_000_000

    init(
        _ loops: [UVLoop], threshold: UInt64, _ onReport: (@Sendable (UVBlockedLoop) -> Void)?
    ) {
        watched = loops.enumerated().map { number, loop in
            Watched(number: number, observer: LoopObserver(loop), logger: loop.logger)
        }
        self.threshold = threshold
        self.onReport = onReport
    }

    func watch() {
        let pause = min(max(threshold / 20, 1_000_000), Self.longestPause)
        var watches = watched.map { _ in
            BlockWatch(threshold: threshold, tolerance: threshold / 4)
        }
        var last: [UVLoopActivity?] = watched.map { _ in nil }
        while !isStopped.load(ordering: .relaxed), !watched.allSatisfy(\.observer.isOver) {
            let now = preciseNanoseconds()
            for (index, loop) in watched.enumerated() {
                let reading = loop.observer.pulse.reading
                let verdict = watches[index].look(
                    reading.beats, isBusy: reading.isBusy, now: now, next: now + pause)
                switch verdict {
                case .nothing: break
                case .blocked(let time):
                    let activity = loop.observer.activity(
                        reading, for: .nanoseconds(Int64(clamping: time)))
                    last[index] = activity
                    report(loop, time, activity, isOver: false)
                case .over(let time):
                    guard let activity = last[index].take() else { break }
                    report(loop, time, activity, isOver: true)
                }
            }
            sleep(nanoseconds: pause)
        }
    }

    private func report(
        _ loop: Watched, _ time: UInt64, _ activity: UVLoopActivity, isOver: Bool
    ) {
        let report = UVBlockedLoop(
            loop: loop.number, duration: .nanoseconds(Int64(clamping: time)), isOver: isOver,
            activity: activity)
        var metadata: Logger.Metadata = [:]
        if let client = activity.client { metadata["connection"] = "\(client)" }
        loop.logger.warning("\(report)", metadata: metadata)
        onReport?(report)
    }
}
