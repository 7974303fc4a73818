/// Where the tasks of a loop wait until they are woken.
///
/// To wait is to hop to this actor, which is its own executor and runs nothing: it leaves the task's
/// job with whom the task waits as. Woken, the job runs as if it had been enqueued on the loop, so
/// that the task goes on there without another hop. A continuation would be resumed by way of the
/// global executor, on another thread; or, where the task prefers the loop, with several look-ups of
/// that under a lock.
///
/// The waiting task runs in the isolation of an actor whose executor is the loop, and so does who
/// wakes it; no other thread touches a berth.
actor Berth: SerialExecutor {
    // Unchecked because only the loop's thread touches it.
    private nonisolated(unsafe) var sleepers: (next: (any Sleeper)?, latest: (any Sleeper)?)
    private var turns: UInt32 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    nonisolated func enqueue(_ job: consuming ExecutorJob) {
        guard let sleeper = unsafe sleepers.next.take() else {
            preconditionFailure("a task waits that has not said as whom")
        }
        sleeper.keep(UnownedJob(job))
    }

    /// Whom a task has begun to wait as last.
    nonisolated var latest: (any Sleeper)? {
        get { unsafe sleepers.latest }
        set { unsafe sleepers.latest = newValue }
    }

    /// Says as whom the task waits that calls ``wait()`` next, without awaiting anything before.
    nonisolated func assign(_ sleeper: some Sleeper) {
        precondition(unsafe sleepers.next == nil, "a task said as whom it waits, and did not wait")
        unsafe sleepers.next = sleeper
    }

    /// Lets the task that calls wait until whom it waits as is woken.
    @inline(never)
    func wait() {
        // A body that does nothing would be optimised away, and the hop with it.
        turns &+= 1
    }
}

/// Whom a task waits as: it keeps the task's job, one at a time.
protocol Sleeper: AnyObject {
    var job: UnownedJob? { get set }
}

extension Sleeper {
    /// Whether a task waits.
    var isTaken: Bool { job != nil }

    /// Lets the task that calls wait until this is woken.
    @inline(__always)
    nonisolated(nonsending) func wait(on loop: UVLoop) async {
        loop.berth.assign(self)
        if !loop.timedHandlers.isEmpty { loop.berth.latest = self }
        await loop.berth.wait()
    }

    func keep(_ job: UnownedJob) {
        self.job = job
    }

    /// Lets the task go on now, until it waits again.
    ///
    /// Called where a handler is called, never within a task: none runs at that time.
    func wakeNow(on loop: UVLoop) {
        guard let job else { return }
        self.job = nil
        unsafe job.runSynchronously(on: loop.asUnownedSerialExecutor())
    }

    /// Lets the task go on when the callback ends that runs now; nothing where none waits.
    func wake(on loop: UVLoop) {
        guard let job else { return }
        self.job = nil
        loop.take(LoopJob(job: job, isIsolated: true))
    }
}

/// Whom a task waits as that waits as nobody else.
final class Waiter: Sleeper {
    var job: UnownedJob?
}
