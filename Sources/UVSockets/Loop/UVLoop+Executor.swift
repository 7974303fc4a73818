extension UVLoop: TaskExecutor, SerialExecutor {
    /// How many jobs run in one callback before the loop looks at its sockets again.
    private static var jobsInCallback: Int { 1024 }

    /// Runs a job of a task that prefers this loop. From any thread.
    ///
    /// On the loop it is run before the callback returns that runs now, unless there are very many;
    /// from other threads it comes with the closures that were submitted. Jobs do not count for the
    /// `submissionLimit`. A loop that is closed traps: the task could never go on.
    public func enqueue(_ job: consuming ExecutorJob) {
        take(LoopJob(job: UnownedJob(job), isIsolated: false))
    }

    /// The loop as the executor of actors, for their `unownedExecutor`. The actor keeps the loop.
    @safe public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: isolation)
    }

    /// Traps where the caller is on another thread than the loop's.
    public func checkIsolated() {
        confine("UVLoop.checkIsolated")
    }

    func take(_ job: LoopJob) {
        guard isOnLoop else {
            guard inbox.post(job) else { jobCameTooLate() }
            return
        }
        jobs.append(job)
        hasWork = true
        if callbackDepth == 0 { nextTurn?.callInNextTurn() }
    }

    private func jobCameTooLate() -> Never {
        fatalError("a task was to go on, on a loop that is closed: end its tasks before its loop")
    }

    /// Runs what is left of jobs when the loop is closed.
    func finishJobs() {
        var rounds = 0
        while nextJob < jobs.count {
            if rounds == 1024 { jobCameTooLate() }
            callback { hasWork = true }
            rounds += 1
        }
    }

    /// Runs the jobs that wait, and those that they add.
    func runJobs() {
        var count = 0
        while nextJob < jobs.count, count < Self.jobsInCallback {
            let job = jobs[nextJob]
            nextJob += 1
            count += 1
            job.run(on: self)
        }
        if nextJob == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            nextJob = 0
        } else {
            hasWork = true
            nextTurn?.callInNextTurn()
        }
    }
}
