/// A job of a task, and in which of the loop's roles it runs it.
struct LoopJob {
    let job: UnownedJob
    /// Whether it runs for an actor whose executor is the loop, rather than for a task that prefers
    /// the loop. To run a job in the other role, or in both, costs its task another job at its next
    /// `await`: the runtime takes it for one that is in the wrong place.
    let isIsolated: Bool

    func run(on loop: UVLoop) {
        if isIsolated {
            unsafe job.runSynchronously(on: loop.asUnownedSerialExecutor())
        } else {
            unsafe job.runSynchronously(on: loop.asUnownedTaskExecutor())
        }
    }
}

/// The loop in its role as an actor's executor.
final class LoopExecutor: SerialExecutor {
    // Unchecked because it is set once, before anybody else has the loop.
    nonisolated(unsafe) unowned var loop: UVLoop?

    func enqueue(_ job: consuming ExecutorJob) {
        unsafe loop?.take(LoopJob(job: UnownedJob(job), isIsolated: true))
    }

    func checkIsolated() {
        unsafe loop?.confine("an actor's method")
    }
}
