/// A job of a task, and the role in which the loop runs it.
struct LoopJob {
    let job: UnownedJob
    /// Whether it runs for an actor whose executor is the loop. If false, it runs for a task that
    /// prefers the loop. A job that runs in the other role, or in both, costs its task another job
    /// at the next `await`, because the runtime takes it to be in the wrong place.
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
    // Unchecked because it is set once, before any other code has the loop.
    nonisolated(unsafe) unowned var loop: UVLoop?

    func enqueue(_ job: consuming ExecutorJob) {
        unsafe loop?.take(LoopJob(job: UnownedJob(job), isIsolated: true))
    }

    func checkIsolated() {
        unsafe loop?.confine("an actor's method")
    }
}
