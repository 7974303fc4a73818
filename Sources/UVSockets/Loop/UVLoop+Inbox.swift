/// The ways into the loop from other threads.
extension UVLoop {
    /// Runs a closure on the loop's thread. Any thread may call it.
    ///
    /// The closure runs in one of the loop's next turns. Closures run in the order of submission.
    ///
    /// - Parameter body: The closure. It may make listeners and connectors on the loop, but it
    ///   cannot bring any with it. To reach existing ones, make a ``UVMailbox`` on the loop.
    /// - Returns: False if the loop is closed or its `submissionLimit` is reached. Then the
    ///   closure will not run.
    @discardableResult
    public func submit(_ body: @escaping @Sendable () -> Void) -> Bool {
        inbox.post(body)
    }

    /// Runs a closure as ``submit(_:)`` does, even beyond the `submissionLimit`. For work that
    /// comes once.
    ///
    /// - Returns: False if the loop is closed.
    @discardableResult
    package func submitAlways(_ body: @escaping @Sendable () -> Void) -> Bool {
        inbox.post(body, isLimited: false)
    }

    /// Runs a closure soon, and never within this call. On the loop's thread it needs no wake-up.
    func runSoon(_ body: @escaping @Sendable () -> Void) {
        if isOnLoop { runLater(body) } else { submitAlways(body) }
    }

    /// Releases an object on the loop's thread, where its owner's release may not be.
    func release(_ object: AnyObject) {
        // A loop in memory is used by one thread at a time.
        guard !isOnLoop, network == nil else { return }
        nonisolated(unsafe) let object = object
        submitAlways { unsafe withExtendedLifetime(object) {} }
    }

    /// Removes a registered object.
    func unregister(_ key: Int) {
        // The object is released after its removal, because its end may remove other objects.
        _ = addressees.removeValue(forKey: key)
    }

    /// Keeps an object until the loop is closed, so that submissions can find it.
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
        if let measures, let came = batch.firstCameAt {
            measures.wokenAfter(preciseNanoseconds() - came)
        }
        for body in batch.submissions { running(.submission) { body() } }
        if !batch.jobs.isEmpty {
            jobs += batch.jobs
            hasWork = true
        }
        if batch.isStopRequested { stop() }
    }
}
