/// What other threads want done on the loop: the one place where they meet it.
final class Inbox: Sendable {
    private struct State {
        var submissions: [@Sendable () -> Void] = []
        var jobs: [LoopJob] = []
        var wakeUp: AsyncHandle?
        var isStopRequested = false
        var phase = Phase.open

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

    /// Takes one more, and wakes the loop for the first of a batch.
    @discardableResult
    func post(_ body: @escaping @Sendable () -> Void, isLimited: Bool = true) -> Bool {
        state.withLock { state in
            guard state.phase == .open, state.submissions.count < limit || !isLimited else {
                return false
            }
            state.submissions.append(body)
            if state.submissions.count == 1, state.jobs.isEmpty { state.wakeUp?.wake() }
            return true
        }
    }

    /// Takes a task's job, whatever else waits: a task cannot be refused to go on.
    ///
    /// - Returns: False where the inbox is closed.
    func post(_ job: LoopJob) -> Bool {
        state.withLock { state in
            guard state.phase != .closed else { return false }
            state.jobs.append(job)
            if state.jobs.count == 1, state.submissions.isEmpty { state.wakeUp?.wake() }
            return true
        }
    }

    /// The loop is to stop, after what has been posted before, and whether or not there is room for
    /// more of that.
    func requestStop() {
        state.withLock { state in
            state.isStopRequested = true
            state.wakeUp?.wake()
        }
    }

    /// What other threads have left. Of one thread the submissions come before the jobs that it has
    /// enqueued after them, because jobs run when all of a batch's submissions have.
    struct Batch {
        let submissions: [@Sendable () -> Void]
        let jobs: [LoopJob]
        let isStopRequested: Bool
    }

    /// Takes what waits, but not what comes meanwhile: that is for the next turn.
    func take() -> Batch {
        state.withLock { state in
            defer {
                state.submissions = []
                state.jobs = []
                state.isStopRequested = false
            }
            return Batch(
                submissions: state.submissions, jobs: state.jobs,
                isStopRequested: state.isStopRequested)
        }
    }

    /// Takes no more but jobs. Under the lock, so that no thread wakes a handle that is being closed.
    ///
    /// - Returns: What came at the last moment.
    func beginClosing() -> Batch {
        state.withLock { state in
            state.phase = .closing
            state.wakeUp = nil
        }
        return take()
    }

    /// Takes no jobs, either.
    ///
    /// - Returns: Those that came at the last moment.
    func endClosing() -> [LoopJob] {
        state.withLock { state in
            state.phase = .closed
            defer { state.jobs = [] }
            return state.jobs
        }
    }
}
