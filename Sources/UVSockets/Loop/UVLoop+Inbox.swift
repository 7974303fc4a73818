/// The ways into the loop from other threads.
extension UVLoop {
    /// Runs a closure on the loop's thread, in one of its next turns, in the order of submission.
    /// From any thread.
    ///
    /// - Parameter body: What to run. It may make listeners and connectors on the loop, but cannot
    ///   bring any along: to reach those, make a ``UVMailbox`` on the loop.
    /// - Returns: False, and the closure will not run, when the loop is closed or its
    ///   `submissionLimit` is reached.
    @discardableResult
    public func submit(_ body: @escaping @Sendable () -> Void) -> Bool {
        inbox.post(body)
    }

    /// Runs a closure as ``submit(_:)`` does, also beyond the `submissionLimit`. For what comes once.
    ///
    /// - Returns: False where the loop is closed.
    @discardableResult
    func submitAlways(_ body: @escaping @Sendable () -> Void) -> Bool {
        inbox.post(body, isLimited: false)
    }

    /// Forgets an object that was registered.
    func unregister(_ key: Int) {
        // It is let go of when it has been removed: its end may make others be forgotten.
        _ = addressees.removeValue(forKey: key)
    }

    /// Keeps an object until the loop is closed, for submissions to find it.
    ///
    /// - Returns: Its key in ``addressees``.
    func register(_ addressee: AnyObject) -> Int {
        defer { nextAddressee += 1 }
        addressees[nextAddressee] = addressee
        return nextAddressee
    }

    func drainInbox() {
        handle(inbox.take())
    }

    func handle(_ batch: Inbox.Batch) {
        for body in batch.submissions { body() }
        if !batch.jobs.isEmpty {
            jobs += batch.jobs
            hasWork = true
        }
        if batch.isStopRequested { stop() }
    }
}
