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
