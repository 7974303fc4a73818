internal import CLibuv
internal import Logging

/// The end of a loop.
extension UVLoop {
    /// Closes the loop and frees what it holds. Calling it again does nothing.
    ///
    /// - Throws: ``UVError`` with the code ``UVError/Code/busy``, naming what is still open. The
    ///   loop can be used on: close those, run the loop, and close it again.
    public func close() throws(UVError) {
        confine("UVLoop.close")
        precondition(!isRunning, "UVLoop.close was called within one of the loop's own callbacks")
        guard !isClosed else { return }
        try finishOpenWork()
        shutDown()
        runLate()
    }

    /// Does what is left to do on a loop that is to be closed.
    private func finishOpenWork() throws(UVError) {
        isRunning = true
        defer { isRunning = false }
        callback { drainInbox() }
        finishClosing()
        try checkNothingIsOpen()
        // What was taken is done, also where it came just now.
        let last = inbox.beginClosing()
        callback { handle(last) }
        finishJobs()
        finishClosing()
        do throws(UVError) {
            try checkNothingIsOpen()
        } catch {
            wakeUp.map(inbox.open)
            throw error
        }
    }

    /// Lets handles that are closing finish, and those that their callbacks close.
    private func finishClosing() {
        var rounds = 0
        repeat {
            turn(UV_RUN_NOWAIT)
            rounds += 1
        } while closingHandles > 0 && rounds < 16
    }

    /// Leaves the jobs of tasks that came meanwhile, and those that will, to a thread of their own. The
    /// last thing that the loop's thread does: the other may begin at once.
    private func runLate() {
        let left = jobs[nextJob...]
        (jobs, nextJob) = ([], 0)
        for job in left + inbox.endClosing() { lateJobs.add(job, on: self) }
    }

    /// Runs jobs of tasks until none waits. Those of a task that goes on for ever come later.
    private func finishJobs() {
        var rounds = 0
        while nextJob < jobs.count, rounds < 16 {
            callback { hasWork = true }
            rounds += 1
        }
    }

    /// Closes the loop, on which nothing of others is open.
    func shutDown() {
        for key in addressees.keys { unregister(key) }
        let own = ownHandles
        ownHandles = []
        openHandles = own.count
        own.forEach { $0.close() }
        (wakeUp, turnCounter, clock, nextTurn) = (nil, nil, nil, nil)
        turn(UV_RUN_DEFAULT)
        let status = unsafe uv_loop_close(raw)
        precondition(status == 0, "a loop on which nothing is open could not be closed")
        didClose()
    }

    private func checkNothingIsOpen() throws(UVError) {
        guard openHandles == 0 else {
            throw UVError(call: "close loop", code: .busy, reason: "still open: \(openNames)")
        }
    }

    /// What is open, for a person.
    private var openNames: String {
        let lookups = openLookups > 0 ? ["\(openLookups) lookups"] : []
        return (openHandlesOfOthers().map(\.name) + lookups).joined(separator: ", ")
    }

    private func openHandlesOfOthers() -> [Handle] {
        var handles: [Handle] = []
        unsafe withUnsafeMutablePointer(to: &handles) { handles in
            unsafe uv_walk(
                raw,
                { handle, handles in
                    guard let handles = unsafe handles?.assumingMemoryBound(to: [Handle].self)
                    else {
                        return
                    }
                    unsafe handles.pointee.append(Handle.from(handle))
                }, handles)
        }
        return handles.filter { handle in !ownHandles.contains { $0 === handle } }
    }

    // MARK: - A loop with a thread of its own

    /// Ends what is left on a loop that was stopped, and closes it, on its thread, which ends then.
    func end() {
        endResidents()
        do {
            try finishOpenWork()
            shutDown()
        } catch {
            logger.error("\(error)")
            closeForcibly()
        }
        leave()
    }

    /// Ends whatever is open on a loop in memory, and closes it.
    package func endInMemory() {
        guard !isClosed else { return }
        confine("UVTestNetwork.deinit")
        endResidents()
        closeForcibly()
        leave()
    }

    private func endResidents() {
        callback {
            for addressee in addressees.values { (addressee as? any LoopResident)?.endWithLoop() }
        }
        turn(UV_RUN_NOWAIT)
    }

    private func leave() {
        // The system may give this thread's number to another.
        leaveThread()
        runLate()
    }

    /// Closes what nobody has closed. Callbacks hear of it, and may make more, but not for ever.
    private func closeForcibly() {
        for _ in 0..<16 {
            callback { openHandlesOfOthers().forEach { $0.abort() } }
            do {
                try finishOpenWork()
                return shutDown()
            } catch {
                logger.debug("\(error)")
            }
        }
        logger.error("never closed, because callbacks make again what is closed: \(openNames)")
        jobs += inbox.beginClosing().jobs
    }
}

/// What other threads or tasks have on a loop, and what ends with it.
protocol LoopResident: AnyObject {
    /// The loop was stopped, and will be closed.
    func endWithLoop()
}
