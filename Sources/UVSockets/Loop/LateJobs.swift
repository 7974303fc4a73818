/// Runs the jobs of tasks that reach a loop after it is closed.
///
/// The jobs run one at a time on a thread of their own. The thread ends when no job is left. A
/// suspended task must be able to continue. Here it finds a loop on which every connection has
/// ended.
final class LateJobs: Sendable {
    private struct State {
        var jobs: [LoopJob] = []
        var isRunning = false
    }

    private let state = Locked(State())

    /// Adds a job to run.
    func add(_ job: LoopJob, on loop: UVLoop) {
        let isFirst = state.withLock { state in
            state.jobs.append(job)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFirst else { return }
        do throws(UVError) {
            try startThread { [self] in run(on: loop) }
        } catch {
            fatalError(
                "cannot start a thread for a task that must continue on a closed loop: \(error)")
        }
    }

    private func run(on loop: UVLoop) {
        while true {
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                if state.jobs.isEmpty {
                    // This happens under the lock, so the next job starts a new thread.
                    loop.lend(toThisThread: false)
                    state.isRunning = false
                }
                return state.jobs
            }
            if jobs.isEmpty { return }
            loop.runLate(jobs)
        }
    }
}
