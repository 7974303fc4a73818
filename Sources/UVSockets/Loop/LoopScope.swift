extension UVLoop {
    /// Whether a task with this isolation runs on the loop's thread now, and comes back to it after
    /// each `await`.
    ///
    /// The thread alone does not tell: a task may still be on it that has awaited something on the
    /// loop, and that will go on elsewhere after its next `await`.
    func isHome(of isolation: (any Actor)?) -> Bool {
        guard isOnLoop, let isolation else { return false }
        return unsafe unsafeBitCast(isolation.unownedExecutor, to: (UInt, UInt).self).0
            == unsafeBitCast(asUnownedSerialExecutor(), to: (UInt, UInt).self).0
    }
}

/// Brings a task of another thread onto a loop's thread.
///
/// A task that calls a method here hops to the loop, and back when the method returns.
actor LoopScope {
    nonisolated let loop: UVLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ loop: UVLoop) {
        self.loop = loop
    }

    /// Starts a task on the loop.
    func start(
        _ body: @escaping @Sendable (isolated LoopScope) async -> Void
    ) -> Task<Void, Never> {
        Task { await body(self) }
    }

    /// Runs a closure on the loop.
    func run<Value: Sendable>(
        _ body: nonisolated(nonsending) @Sendable () async throws -> Value
    ) async throws -> Value {
        // Also makes sure that the hop takes place: Swift 6.3 leaves it out of a method that does
        // nothing but call an async function.
        loop.confine("LoopScope.run")
        return try await body()
    }
}
