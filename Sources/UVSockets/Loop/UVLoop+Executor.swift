extension UVLoop: TaskExecutor, SerialExecutor {
    /// How many jobs run in one callback before the loop looks at its sockets again.
    private static var jobsInCallback: Int { 1024 }

    /// Runs a job of a task that prefers this loop. Any thread may call it.
    ///
    /// On the loop's thread the job runs before the current callback returns, unless very many jobs
    /// wait. From other threads it arrives together with the submitted closures. Jobs do not count
    /// for the `submissionLimit`. After the loop is closed, jobs run one at a time on a thread that
    /// is started for them. Every connection of the loop has ended by then.
    public func enqueue(_ job: consuming ExecutorJob) {
        take(LoopJob(job: UnownedJob(job), isIsolated: false))
    }

    /// The loop as the executor of actors, for their `unownedExecutor`.
    ///
    /// The actor must retain the loop.
    @safe public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: isolation)
    }

    /// Traps if the caller is not on the loop's thread.
    public func checkIsolated() {
        confine("UVLoop.checkIsolated")
    }

    func take(_ job: LoopJob) {
        guard isOnLoop else {
            if !inbox.post(job) { lateJobs.add(job, on: self) }
            return
        }
        jobs.append(job)
        hasWork = true
        if !isInCallback { nextTurn?.callInNextTurn() }
    }

    /// Runs jobs of tasks, and the jobs that they add, although the loop is closed.
    func runLate(_ late: [LoopJob]) {
        lend(toThisThread: true)
        jobs += late
        while nextJob < jobs.count { callback { hasWork = true } }
    }

    /// Runs a job and reports how long it took. The slot in which its task then waits shows for
    /// which connection it worked.
    private func time(_ job: LoopJob) {
        let began = coarseTime
        parking.latest = nil
        job.run(on: self)
        let time = coarseTime - began
        let connection = (parking.latest as? UVAsyncConnection)?.base
        parking.latest = nil
        for events in timedEvents where connection.map({ $0.events === events }) ?? true {
            events.handlerTook(time, for: connection, on: self)
        }
    }

    /// Times the jobs of tasks from now on, if the options of the agent's connections ask for it.
    func beginTiming(_ events: ConnectionEvents) {
        if events.handlerTimeLimit > 0 { timedEvents.append(events) }
    }

    func endTiming(_ events: ConnectionEvents) {
        timedEvents.removeAll { $0 === events }
    }

    /// Runs the waiting jobs and the jobs that they add.
    func runJobs() {
        pulse.handlerBegins(.task, nil, 0)
        defer { pulse.handlerEnds() }
        var count = 0
        while nextJob < jobs.count, count < Self.jobsInCallback {
            let job = jobs[nextJob]
            nextJob += 1
            count += 1
            if isTiming { time(job) } else { job.run(on: self) }
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
