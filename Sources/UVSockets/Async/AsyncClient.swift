/// A connector for one task, which runs on the loop's thread and uses the connection.
final class AsyncClient {
    private let loop: UVLoop
    private let turn = TaskSlot()
    private var connector: UVConnector?
    private var server: UVAsyncConnection?
    private var failure: UVError?
    private var hasEnded = false
    /// Runs from the task's cancellation to the reset of its connection.
    private var grace: TimerHandle?
    /// Its key among the loop's addressees, while it is in use.
    private var key = 0

    init(on loop: UVLoop) {
        self.loop = loop
    }

    /// Connects, calls the closure, and closes the connection.
    // The closures capture `isolation`, so that they run in the caller's isolation, too.
    func connect<Result>(
        _ settings: ConnectSettings,
        _ body: nonisolated(nonsending) (UVAsyncConnection) async throws -> Result,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Result {
        let connector = try enter(settings)
        defer { leave() }
        return try await withTaskCancellationHandler {
            _ = isolation
            let server = try await start(connector)
            return try await use(server, body)
        } onCancel: { [loop, key] in
            Self.cancel(key, on: loop)
        }
    }

    /// Connects. The connection is used, finished or abandoned later.
    @discardableResult
    func begin(
        _ settings: ConnectSettings, isolation: isolated (any Actor)? = #isolation
    ) async throws -> UVAsyncConnection {
        let connector = try enter(settings)
        do {
            return try await withTaskCancellationHandler {
                _ = isolation
                return try await start(connector)
            } onCancel: { [loop, key] in
                Self.cancel(key, on: loop)
            }
        } catch {
            leave()
            throw error
        }
    }

    /// Calls the closure with the connection that `begin` made, then closes the connection.
    func use<Result>(
        _ body: nonisolated(nonsending) (UVAsyncConnection) async throws -> Result,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Result {
        guard let server else { preconditionFailure("a connection was used before it began") }
        defer { leave() }
        return try await withTaskCancellationHandler {
            _ = isolation
            return try await use(server, body)
        } onCancel: { [loop, key] in
            Self.cancel(key, on: loop)
        }
    }

    /// Closes the connection that `begin` made, which was used elsewhere.
    func finish(_ why: UVEndReason, isolation: isolated (any Actor)? = #isolation) async {
        if let server { await end(server, why) }
        leave()
    }

    /// Ends the connection that `begin` made, because nobody uses it.
    func abandon() {
        server?.base.reset()
        leave()
    }

    private func enter(_ settings: ConnectSettings) throws -> UVConnector {
        guard !loop.isClosed else {
            throw UVError(
                call: "connect", subject: "\(settings.endpoint)", code: .canceled,
                reason: "the loop is closed")
        }
        let connector = makeConnector(settings)
        self.connector = connector
        key = loop.register(self)
        loop.beginTiming(connector.events)
        return connector
    }

    private func leave() {
        loop.unregister(key)
        grace.take()?.close()
        if let connector { loop.endTiming(connector.events) }
        // Breaks a reference cycle: the connection retains the connector, which retains this
        // object.
        (connector, server) = (nil, nil)
    }

    private static func cancel(_ key: Int, on loop: UVLoop) {
        loop.runSoon { [unowned loop] in
            (loop.addressees[key] as? AsyncClient)?.cancel()
        }
    }

    /// Ends what is in progress, because the loop was stopped.
    fileprivate func end() {
        connector?.cancel()
        if let connection = connector?.connection {
            connection.reset(.closed)
        } else {
            failure = UVError(
                call: "connect", subject: connector.map { "\($0.endpoint)" } ?? "", code: .canceled,
                reason: "the loop was stopped")
        }
        turn.wake(on: loop)
    }

    private func cancel() {
        connector?.cancel()
        turn.wake(on: loop)
        guard let server else { return }
        // Its task may wait for a message, or for a relay.
        server.wake(on: loop)
        server.relay?.slot.wake(on: loop)
        beginGrace(server)
    }

    /// The task was cancelled: the connection is reset if it has not ended soon.
    private func beginGrace(_ server: UVAsyncConnection) {
        guard grace == nil, !server.base.state.isClosed else { return }
        grace = try? TimerHandle(on: loop) { server.base.reset(.closed) }
        guard let grace else { return server.base.reset(.closed) }
        grace.start(after: UVConnector.cancellationGrace)
    }

    private func makeConnector(_ settings: ConnectSettings) -> UVConnector {
        var settings = settings
        settings.options.allowsHalfOpen = true
        // The sink gets every message, so this handler is never called.
        let connector = UVConnector(loop, settings) { _, _ in }
        connector.events.onBegun = { connection in
            let server = UVAsyncConnection(connection)
            connection.sink = server
            self.server = server
            self.turn.wake(on: self.loop)
        }
        connector.onFailed = { _, error in
            self.failure = error
            self.turn.wake(on: self.loop)
        }
        connector.onDisconnected = { _, _ in
            self.hasEnded = true
            self.turn.wake(on: self.loop)
        }
        return connector
    }

    nonisolated(nonsending) private func start(
        _ connector: UVConnector
    ) async throws -> UVAsyncConnection {
        try Task.checkCancellation()
        try connector.startConnect()
        while server == nil, failure == nil, !Task.isCancelled {
            await turn.wait(on: loop)
        }
        if let failure { throw failure }
        guard let server else {
            // The job that cancels the connector comes too late: by then this object is not
            // registered any more.
            connector.cancel()
            throw CancellationError()
        }
        return server
    }

    nonisolated(nonsending) private func use<Result>(
        _ server: UVAsyncConnection,
        _ body: nonisolated(nonsending) (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        server.owner = .current
        defer { server.owner = nil }
        do {
            let result = try await body(server)
            await end(server, .closed)
            return result
        } catch {
            await end(server, .handlerFailed)
            throw error
        }
    }

    nonisolated(nonsending) private func end(
        _ server: UVAsyncConnection, _ why: UVEndReason
    ) async {
        server.end(why)
        // It may have been cancelled before there was a connection.
        if Task.isCancelled { beginGrace(server) }
        while !hasEnded {
            await turn.wait(on: loop)
        }
    }
}

extension AsyncClient: LoopResident {
    func endWithLoop() {
        end()
    }
}
