/// Runs the jobs of tasks that come to a loop when that is closed, one at a time, on a thread of their
/// own that ends when none is left.
///
/// A task cannot be refused to go on. What it finds is a loop on which every connection has ended.
final class LateJobs: Sendable {
    private struct State {
        var jobs: [LoopJob] = []
        var isRunning = false
    }

    private let state = Locked(State())

    /// Has a job run.
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
                "a task was to go on, on a loop that is closed, and there is no thread: \(error)")
        }
    }

    private func run(on loop: UVLoop) {
        while true {
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                if state.jobs.isEmpty {
                    // Under the lock: the next to come has a thread of its own.
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
