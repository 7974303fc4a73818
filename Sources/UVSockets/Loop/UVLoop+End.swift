internal import CLibuv
internal import Logging

/// The end of a loop.
extension UVLoop {
    /// Closes the loop and frees what it holds. A second call does nothing.
    ///
    /// - Throws: ``UVError`` with the code ``UVError/Code/busy``, which names what is still open.
    ///   The loop stays usable: close those objects, run the loop, and close it again.
    public func close() throws(UVError) {
        confine("UVLoop.close")
        precondition(!isRunning, "UVLoop.close was called within one of the loop's own callbacks")
        guard !isClosed else { return }
        try finishOpenWork()
        shutDown()
        runLate()
    }

    /// Finishes the work that is left on a loop before it is closed.
    private func finishOpenWork() throws(UVError) {
        isRunning = true
        defer { isRunning = false }
        callback { drainInbox() }
        finishClosing()
        try checkNothingIsOpen()
        // Accepted work is done, even if it came just now.
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

    /// Runs until all closing handles are closed, also those that their callbacks close. 16 turns
    /// at most.
    private func finishClosing() {
        var rounds = 0
        repeat {
            turn(UV_RUN_NOWAIT)
            rounds += 1
        } while closingHandles > 0 && rounds < 16
    }

    /// Passes jobs of tasks that came meanwhile, and those that still come, to a thread of their
    /// own. This is the last step of the loop's thread, because the other thread may begin at once.
    private func runLate() {
        let left = jobs[nextJob...]
        (jobs, nextJob) = ([], 0)
        for job in left + inbox.endClosing() { lateJobs.add(job, on: self) }
    }

    /// Runs jobs of tasks until none waits, in 16 rounds at most. A task that never ends continues
    /// later.
    private func finishJobs() {
        var rounds = 0
        while nextJob < jobs.count, rounds < 16 {
            callback { hasWork = true }
            rounds += 1
        }
    }

    /// Closes the loop. Only the loop's own handles are open.
    func shutDown() {
        for key in addressees.keys { unregister(key) }
        bodiesForTurn = []
        let own = ownHandles
        ownHandles = []
        openHandles = own.count
        own.forEach { $0.close() }
        (wakeUp, turnCounter, clock, nextTurn) = (nil, nil, nil, nil)
        measures = nil
        turn(UV_RUN_DEFAULT)
        let status = unsafe uv_loop_close(raw)
        precondition(status == 0, "uv_loop_close failed although nothing is open on the loop")
        recorder?.close()
        didClose()
    }

    private func checkNothingIsOpen() throws(UVError) {
        guard openHandles == 0 else {
            throw UVError(call: "close loop", code: .busy, reason: "still open: \(openNames)")
        }
    }

    /// The names of what is open, for an error text.
    private var openNames: String {
        let lookups = openLookups > 0 ? ["\(openLookups) lookups"] : []
        return (openHandlesOfOthers().map(\.name) + lookups).joined(separator: ", ")
    }

    func openHandlesOfOthers() -> [Handle] {
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

    /// Ends what is left on a loop that was stopped, and closes the loop. It runs on the loop's
    /// thread, which then ends.
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

    /// Ends everything that is open on a loop in memory, and closes the loop.
    package func endInMemory() {
        guard !isClosed else { return }
        confine("UVTestNetwork.deinit")
        endResidents()
        closeForcibly()
        network?.end()
        runLate()
    }

    private func endResidents() {
        callback {
            for addressee in addressees.values { (addressee as? any LoopResident)?.endWithLoop() }
        }
        turn(UV_RUN_NOWAIT)
    }

    private func leave() {
        // The system may give this thread's number to another thread.
        leaveThread()
        runLate()
    }

    /// Closes what nobody has closed. The callbacks of that may open more, so it tries 16 times at
    /// most.
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
        logger.error(
            "the loop cannot be closed, its callbacks keep opening new handles: \(openNames)")
        jobs += inbox.beginClosing().jobs
    }
}

/// An object on a loop that other threads or tasks use. It ends with the loop.
protocol LoopResident: AnyObject {
    /// Called when the loop was stopped. The loop will be closed.
    func endWithLoop()
}
