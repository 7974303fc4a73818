internal import Logging

extension UVLoop {
    /// Runs the loop on this thread until a task on it is done.
    ///
    ///     let loop = try UVLoop()
    ///     try loop.run {
    ///         try await UVListener.serve(at: "[::]:8081", on: loop) { client in
    ///             try await client.forEachMessage { message in client.send(message) }
    ///         }
    ///     }
    ///
    /// The task runs on this thread, as callbacks do. After an `await` of work elsewhere it comes
    /// back to this thread. A program that does nothing else has one thread. The system calls of
    /// such a process cost less, because the kernel need not guard its descriptors against another
    /// thread.
    ///
    /// ``stop()`` cancels the task. This method returns when the task has ended, not before.
    ///
    /// - Parameter body: The task.
    /// - Returns: What the task returns.
    /// - Throws: What the task throws.
    public func run<Value: Sendable>(
        task body: nonisolated(nonsending) @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let task = LoopTask<Value>(on: self)
        let job = task.assumeIsolated { $0.start(body) }
        while true {
            run(.untilStopped)
            if let result = task.assumeIsolated({ $0.result }) { return try result.get() }
            job.cancel()
        }
    }
}

extension UVLoop {
    /// Starts a task on this loop, so that a callback can await something.
    ///
    ///     func answer(_ name: String, to client: UVConnection) {
    ///         client.loop.task { client.send(try await directory.lookUp(name)) }
    ///     }
    ///
    ///     let listener = UVListener(on: loop, at: "[::]:8081", framing: .lines) { client, line in
    ///         answer(String(message: line), to: client)
    ///     }
    ///
    /// The task runs on the loop's thread, as the callback does. It comes back to it after each
    /// `await`. So it may use the loop's listeners, connections and your own state. It begins when
    /// the current callback has ended. Meanwhile the connection may end: then sending does nothing.
    ///
    /// It does not keep the loop running, and nobody waits for it. If it throws anything except
    /// `CancellationError`, the error is logged.
    ///
    /// Do not write it at the top level of `main.swift`, nor in a closure there. Such a closure
    /// belongs to the main actor, which does nothing else while ``run(_:)`` runs: it compiles, and
    /// never runs. The same is true of a `Task { … }` there. Write it in a function.
    ///
    /// - Parameter body: The task.
    /// - Returns: The task, to cancel it or to await its end.
    @discardableResult
    public func task(
        _ body: nonisolated(nonsending) @escaping () async throws -> Void
    ) -> Task<Void, Never> {
        confineOpen("UVLoop.task")
        return begin(body) { [unowned self] error in
            if let error { report(error) }
        }
    }

    /// Starts a task on this loop.
    ///
    /// - Parameters:
    ///   - body: The task.
    ///   - ended: Called on the loop when it has ended, with what it has thrown.
    /// - Returns: The task.
    func begin(
        _ body: nonisolated(nonsending) @escaping () async throws -> Void,
        ended: @escaping ((any Error)?) -> Void
    ) -> Task<Void, Never> {
        // What the closures refer to belongs to this thread, and the task runs nowhere else.
        nonisolated(unsafe) let (body, ended) = (body, ended)
        let scope = LoopScope(self)
        return scope.assumeIsolated { scope in
            scope.start { scope in
                // The closure runs in the isolation of its caller, so on the loop.
                scope.loop.confine("UVLoop.task")
                do {
                    try unsafe await body()
                    unsafe ended(nil)
                } catch {
                    unsafe ended(error)
                }
            }
        }
    }

    private func report(_ error: any Error) {
        guard !(error is CancellationError), let times = throttles.handlerFailures.times() else {
            return
        }
        logger.warning("a task threw an error: \(error)", metadata: ["times": "\(times)"])
    }
}

/// A task that a loop runs for, and its result.
///
/// The task is isolated to an actor. It does not prefer the loop: such a task would look the
/// preference up whenever it waits.
private actor LoopTask<Value: Sendable> {
    nonisolated let loop: UVLoop
    private(set) var result: Result<Value, any Error>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(on loop: UVLoop) {
        self.loop = loop
    }

    func start(
        _ body: nonisolated(nonsending) @escaping @Sendable () async throws -> Value
    ) -> Task<Void, Never> {
        Task {
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            loop.stop()
        }
    }
}
