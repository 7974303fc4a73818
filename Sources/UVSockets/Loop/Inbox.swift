/// Work that other threads hand to the loop. It is the only place where they meet the loop.
final class Inbox: Sendable {
    private struct State {
        var submissions: [@Sendable () -> Void] = []
        var jobs: [LoopJob] = []
        var wakeUp: AsyncHandle?
        var isStopRequested = false
        /// When the first of a batch came, in nanoseconds; nil if nobody wants to know.
        var firstCameAt: UInt64?
        var notesTimes = false
        /// How many submissions were refused because of the limit.
        var refused: UInt64 = 0
        var phase = Phase.open

        mutating func wake() {
            if notesTimes { firstCameAt = preciseNanoseconds() }
            wakeUp?.wake()
        }

        var isEmpty: Bool { submissions.isEmpty && jobs.isEmpty && !isStopRequested }
    }

    private enum Phase {
        case open
        /// Takes jobs, and nothing else.
        case closing
        case closed
    }

    private let limit: Int
    private let state = Locked(State())

    init(limit: Int) {
        self.limit = limit
    }

    func open(_ wakeUp: AsyncHandle) {
        state.withLock { state in
            state.phase = .open
            state.wakeUp = wakeUp
        }
    }

    var isEmpty: Bool { state.withLock { $0.isEmpty } }

    /// How many submissions wait, and how many were refused because too many waited.
    var counts: (waiting: Int, refused: UInt64) {
        state.withLock { ($0.submissions.count, $0.refused) }
    }

    /// Adds a submission. The first of a batch wakes the loop.
    @discardableResult
    func post(_ body: @escaping @Sendable () -> Void, isLimited: Bool = true) -> Bool {
        state.withLock { state in
            guard state.phase == .open else { return false }
            guard state.submissions.count < limit || !isLimited else {
                state.refused += 1
                return false
            }
            state.submissions.append(body)
            if state.submissions.count == 1, state.jobs.isEmpty { state.wake() }
            return true
        }
    }

    /// Adds a job of a task, without a limit: a suspended task must be able to continue.
    ///
    /// - Returns: False if the inbox is closed.
    func post(_ job: LoopJob) -> Bool {
        state.withLock { state in
            guard state.phase != .closed else { return false }
            state.jobs.append(job)
            if state.jobs.count == 1, state.submissions.isEmpty { state.wake() }
            return true
        }
    }

    /// Tells the loop to stop after everything that was posted before. This needs no room in the
    /// inbox.
    func requestStop() {
        state.withLock { state in
            state.isStopRequested = true
            state.wakeUp?.wake()
        }
    }

    /// What other threads have left here.
    ///
    /// All jobs of a batch run after all of its submissions. So for each thread, its submissions
    /// come before the jobs that it enqueued after them.
    struct Batch {
        let submissions: [@Sendable () -> Void]
        let jobs: [LoopJob]
        let isStopRequested: Bool
        /// When the first of them came, in nanoseconds, if that was noted.
        let firstCameAt: UInt64?
    }

    /// Notes from now on when a batch came, or no longer.
    func notesTimes(_ isOn: Bool) {
        state.withLock { state in
            state.notesTimes = isOn
            state.firstCameAt = nil
        }
    }

    /// Takes everything that waits. What arrives after that is for the next turn.
    func take() -> Batch {
        state.withLock { state in
            defer {
                state.submissions = []
                state.jobs = []
                state.isStopRequested = false
                state.firstCameAt = nil
            }
            return Batch(
                submissions: state.submissions, jobs: state.jobs,
                isStopRequested: state.isStopRequested, firstCameAt: state.firstCameAt)
        }
    }

    /// From now on accepts only jobs. This happens under the lock, so that no thread wakes a handle
    /// that is being closed.
    ///
    /// - Returns: What came at the last moment.
    func beginClosing() -> Batch {
        state.withLock { state in
            state.phase = .closing
            state.wakeUp = nil
        }
        return take()
    }

    /// From now on accepts no jobs either.
    ///
    /// - Returns: The jobs that came at the last moment.
    func endClosing() -> [LoopJob] {
        state.withLock { state in
            state.phase = .closed
            defer { state.jobs = [] }
            return state.jobs
        }
    }
}
