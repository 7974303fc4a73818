internal import Logging

extension UVConnection {
    /// Starts a task for this connection, so that a callback can await something.
    ///
    ///     func answer(_ name: String, to client: UVConnection) {
    ///         client.task { client.send(try await directory.lookUp(name)) }
    ///     }
    ///
    ///     let listener = UVListener(on: loop, at: "[::]:8081", framing: .lines) { client, line in
    ///         answer(String(message: line), to: client)
    ///     }
    ///
    /// It works as ``UVLoop/task(_:)`` does: in `main.swift`, write it in a function. And it belongs to
    /// the connection:
    ///
    /// - When the connection has ended, the task is cancelled. So it is when the peer has reset the
    ///   connection, and messages from before that have waited for the end of tasks for 30 seconds.
    /// - When only the peer has finished sending, or the listener is stopped and its drain time runs,
    ///   the connection stays until its tasks have ended, so that they can answer.
    /// - While `taskLimit` tasks of the options run, no further message is received. So a peer cannot
    ///   make any number of them. With a limit of 1 the messages are handled in their order.
    /// - If it throws anything except `CancellationError`, the error is logged, and the connection is
    ///   closed with ``UVEndReason/handlerFailed``, as when a handler of a task's server throws.
    ///
    /// Once the loop is closed, it does nothing.
    ///
    /// - Parameter body: The task.
    /// - Returns: The task, to cancel it or to await its end.
    @discardableResult
    public func task(
        _ body: nonisolated(nonsending) @escaping () async throws -> Void
    ) -> Task<Void, Never> {
        loop.confine("UVConnection.task")
        guard !loop.isClosed else { return Task {} }
        let extras = extras ?? ConnectionExtras(events.coder)
        let tasks = extras.tasks ?? ConnectionTasks()
        extras.tasks = tasks
        self.extras = extras
        let number = tasks.nextNumber()
        let task = loop.begin(body) { [self] error in
            if let error {
                report(error)
                if !(error is CancellationError) { close(.handlerFailed) }
            }
            taskEnded(number)
        }
        tasks.running[number] = task
        if state.isClosed { task.cancel() }
        limitTasks()
        return task
    }

    /// Receives messages only while fewer tasks run than may.
    func limitTasks() {
        // A connection of a task receives what its task asks for.
        guard let tasks = extras?.tasks, sink == nil else { return }
        if tasks.running.count < options.taskLimit {
            release(.task)
        } else if state.delivers {
            if !holds.contains(.task) { events.guards.taskHolds += 1 }
            hold(.task)
        }
    }

    private func taskEnded(_ number: Int) {
        guard let tasks = extras?.tasks else { return }
        tasks.running[number] = nil
        limitTasks()
        guard tasks.running.isEmpty else { return }
        extras?.tasks = nil
        guard sink == nil else { return }
        // The listener has stopped, or the peer has finished. Only the tasks had something left to
        // send.
        if holds.contains(.finished) {
            sendGoodbye()
            close(.listenerStopped)
        } else if state.isHalfOpen, !options.allowsHalfOpen {
            close(.peerClosed)
        }
    }

    /// Logs what a handler has thrown. A cancellation is not an error.
    func report(_ error: any Error) {
        guard !(error is CancellationError), let times = loop.throttles.handlerFailures.times()
        else { return }
        loop.logger.warning(
            "a handler threw an error: \(error)",
            metadata: ["connection": "\(id)", "peer": "\(peer)", "times": "\(times)"])
    }
}

/// The tasks that the callbacks of a connection have started, and that have not ended.
final class ConnectionTasks {
    var running: [Int: Task<Void, Never>] = [:]
    private var lastNumber = 0

    func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    func cancelAll() {
        for task in running.values { task.cancel() }
    }
}
