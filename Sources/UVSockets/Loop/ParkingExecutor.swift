/// Keeps the jobs of a loop's suspended tasks until each is woken.
///
/// A task waits by a hop to this actor. The actor is its own executor and runs nothing: it puts the
/// task's job into the slot that the task has named. A task that is woken runs as if its job had
/// been enqueued on the loop, so it continues there without another hop. The global executor would
/// resume a continuation on another thread. If the task prefers the loop, a continuation would cost
/// several look-ups under a lock.
///
/// The task that waits and the code that wakes it both run on an actor whose executor is the loop.
/// No other thread touches this actor.
actor ParkingExecutor: SerialExecutor {
    // Unchecked because only the loop's thread touches it.
    private nonisolated(unsafe) var slots: (next: (any ParkingSlot)?, latest: (any ParkingSlot)?)
    private var waits: UInt32 = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    nonisolated func enqueue(_ job: consuming ExecutorJob) {
        guard let slot = unsafe slots.next.take() else {
            preconditionFailure("a task tried to park and named no slot")
        }
        slot.keep(UnownedJob(job))
    }

    /// The slot in which a task has most recently begun to wait.
    nonisolated var latest: (any ParkingSlot)? {
        get { unsafe slots.latest }
        set { unsafe slots.latest = newValue }
    }

    /// Names the slot of the task that calls ``wait()`` next. The task awaits nothing in between.
    nonisolated func assign(_ slot: some ParkingSlot) {
        precondition(
            unsafe slots.next == nil, "two tasks tried to park on this loop at the same time")
        unsafe slots.next = slot
    }

    /// Suspends the task that calls until its slot is woken.
    @inline(never)
    func wait() {
        // A body that does nothing would be optimised away, and the hop with it.
        waits &+= 1
    }
}

/// Holds the job of one suspended task until it is woken.
protocol ParkingSlot: AnyObject {
    var job: UnownedJob? { get set }
}

extension ParkingSlot {
    /// Whether a task waits in it.
    var isTaken: Bool { job != nil }

    /// Suspends the task that calls until this slot is woken.
    @inline(__always)
    nonisolated(nonsending) func wait(on loop: UVLoop) async {
        loop.parking.assign(self)
        if loop.isTiming { loop.parking.latest = self }
        await loop.parking.wait()
    }

    func keep(_ job: UnownedJob) {
        self.job = job
    }

    /// Runs the task now, until it waits again.
    ///
    /// It is called where a handler is called. No task runs at that time.
    func wakeNow(on loop: UVLoop) {
        guard let job else { return }
        self.job = nil
        unsafe job.runSynchronously(on: loop.asUnownedSerialExecutor())
    }

    /// Runs the task when the current callback ends. It does nothing if no task waits.
    func wake(on loop: UVLoop) {
        guard let job else { return }
        self.job = nil
        loop.take(LoopJob(job: job, isIsolated: true))
    }
}

extension ParkingSlot where Self: Sendable {
    /// Suspends the task that calls until this slot is woken, or until the task is cancelled.
    ///
    /// A slot that is used again may be woken by the cancellation of an earlier wait. So the caller
    /// looks whether there is something for it, and waits again if there is not.
    // The closure captures `isolation`, so that it runs in the caller's isolation, too.
    @inline(__always)
    func waitUnlessCancelled(
        on loop: UVLoop, isolation: isolated (any Actor)? = #isolation
    ) async {
        await withTaskCancellationHandler {
            _ = isolation
            await wait(on: loop)
        } onCancel: {
            loop.runSoon { self.wake(on: loop) }
        }
    }
}

/// A slot with no other purpose.
// Unchecked because only the loop's thread touches it.
final class TaskSlot: ParkingSlot, @unchecked Sendable {
    var job: UnownedJob?
}
