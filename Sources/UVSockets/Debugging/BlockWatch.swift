/// Decides when a loop counts as blocked. A pure value: it is told what the loop's pulse showed,
/// and answers with what there is to say.
struct BlockWatch {
    enum Verdict: Equatable {
        case nothing
        /// A handler has held the loop for this many nanoseconds. It is said at the threshold and
        /// at ten times the threshold.
        case blocked(UInt64)
        /// The handler has returned after this many nanoseconds.
        case over(UInt64)
    }

    private let threshold: UInt64
    /// How much later than planned a look may be. When it is later, the process was stopped.
    private let tolerance: UInt64
    private var beats: UInt64 = 0
    /// When the present callback was first seen.
    private var since: UInt64 = 0
    private var plannedLook: UInt64?
    private var isReported = false
    private var isReportedAgain = false

    /// - Parameters:
    ///   - threshold: After how many nanoseconds a loop counts as blocked.
    ///   - tolerance: How many nanoseconds late a look may be.
    init(threshold: UInt64, tolerance: UInt64) {
        self.threshold = threshold
        self.tolerance = tolerance
    }

    /// Looks at the loop.
    ///
    /// - Parameters:
    ///   - beats: What changes with each callback.
    ///   - isBusy: Whether a callback runs.
    ///   - now: The time in nanoseconds.
    ///   - next: When the next look is planned.
    /// - Returns: What there is to say.
    mutating func look(_ beats: UInt64, isBusy: Bool, now: UInt64, next: UInt64) -> Verdict {
        defer { plannedLook = next }
        if let plannedLook, now > plannedLook + tolerance, !isReported {
            // The process was stopped, or the machine was: nobody could run.
            since = now
        }
        guard isBusy, beats == self.beats else {
            let verdict: Verdict = isReported ? .over(now - since) : .nothing
            self.beats = beats
            since = now
            (isReported, isReportedAgain) = (false, false)
            return verdict
        }
        let time = now - since
        if !isReported, time >= threshold {
            isReported = true
            return .blocked(time)
        }
        if !isReportedAgain, time >= 10 * threshold {
            isReportedAgain = true
            return .blocked(time)
        }
        return .nothing
    }
}

/// A loop that a handler holds, or has held, for too long. A ``UVWatchdog`` reports it.
public struct UVBlockedLoop: Sendable, CustomStringConvertible {
    /// The loop's place among those that are watched, from 0.
    public let loop: Int
    /// For how long the handler has held the loop: exact to a twentieth of the threshold.
    public let duration: Duration
    /// Whether the handler has returned.
    public let isOver: Bool
    /// What the loop did when the report was made. When the handler has returned, what it did when
    /// the last report was made.
    public let activity: UVLoopActivity

    /// One sentence.
    public var description: String {
        isOver
            ? "loop \(loop) was blocked for \(duration.inWords) by \(activity.handler)"
            : "loop \(loop) is blocked: \(activity.handler) has run for \(duration.inWords), "
                + activity.state
    }
}
