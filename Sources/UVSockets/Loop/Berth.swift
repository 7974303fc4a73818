/// Where a task waits until it is woken.
///
/// To wait is to hop to this actor, which is its own executor and runs nothing: it keeps the task's
/// job. Woken, the job runs as if it had been enqueued on the loop, so that the task goes on there
/// without another hop. A continuation would be resumed by way of the global executor, on another
/// thread; or, where the task prefers the loop, with several look-ups of that under a lock.
///
/// The waiting task runs in the isolation of an actor whose executor is the loop, and so does who
/// wakes it; no other thread touches a berth.
actor Berth: SerialExecutor {
    // Unchecked because only the loop's thread touches it.
    private nonisolated(unsafe) var job: UnownedJob?
    private var turns: UInt32 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    nonisolated func enqueue(_ job: consuming ExecutorJob) {
        unsafe self.job = UnownedJob(job)
    }

    /// Lets the task that calls wait until it is woken.
    @inline(never)
    func wait() {
        // A body that does nothing would be optimised away, and the hop with it.
        turns &+= 1
    }

    /// Whether a task waits.
    nonisolated var isTaken: Bool { unsafe job != nil }

    /// Lets the task go on now, until it waits again.
    ///
    /// Called where a handler is called, never within a task: none runs at that time.
    nonisolated func wakeNow(on loop: UVLoop) {
        guard let job = leave() else { return }
        unsafe job.runSynchronously(on: loop.asUnownedSerialExecutor())
    }

    /// Lets the task go on when the callback ends that runs now; nothing where none waits.
    nonisolated func wake(on loop: UVLoop) {
        guard let job = leave() else { return }
        loop.take(LoopJob(job: job, isIsolated: true))
    }

    private nonisolated func leave() -> UnownedJob? {
        defer { unsafe job = nil }
        return unsafe job
    }
}
