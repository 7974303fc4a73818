/// A connector whose connection is used by one task. It runs on the loop's thread.
actor AsyncClient {
    nonisolated let loop: UVLoop
    private let turn = Waiter()
    private var connector: UVConnector?
    private var server: UVAsyncConnection?
    private var failure: UVError?
    private var hasEnded = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(on loop: UVLoop) {
        self.loop = loop
    }

    /// Connects, calls the closure, and closes the connection.
    func connect<Result: Sendable>(
        _ settings: ConnectSettings,
        _ body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        let connector = makeConnector(settings)
        self.connector = connector
        // The connection keeps the connector, and that keeps this.
        defer { (self.connector, server) = (nil, nil) }
        return try await withTaskCancellationHandler {
            try await use(connector, body)
        } onCancel: {
            loop.submitAlways { self.assumeIsolated { $0.cancel() } }
        }
    }

    private func cancel() {
        connector?.cancel()
        connector?.connection?.close()
        turn.wake(on: loop)
    }

    private func makeConnector(_ settings: ConnectSettings) -> UVConnector {
        var settings = settings
        settings.options.allowsHalfOpen = true
        let connector = UVConnector(loop, settings) { server, message in
            server.session?.received(message)
        }
        connector.onConnected = { connection in
            let server = UVAsyncConnection(connection)
            connection.session = server
            self.server = server
            self.turn.wake(on: self.loop)
        }
        connector.onFailed = { _, error in
            self.failure = error
            self.turn.wake(on: self.loop)
        }
        connector.onDisconnected = { connection, _ in
            connection.session = nil
            self.hasEnded = true
            self.turn.wake(on: self.loop)
        }
        connector.onDrained = { $0.session?.drained() }
        connector.onPeerFinished = { $0.session?.receivingEnded() }
        return connector
    }

    private func use<Result>(
        _ connector: UVConnector,
        _ body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        try connector.startConnect()
        while server == nil, failure == nil, !Task.isCancelled {
            await turn.wait(on: loop)
        }
        if let failure { throw failure }
        guard let server else { throw CancellationError() }
        do {
            let result = try await body(server)
            await end(server, .closed)
            return result
        } catch {
            await end(server, .handlerFailed)
            throw error
        }
    }

    private func end(_ server: UVAsyncConnection, _ why: UVEndReason) async {
        server.end(why)
        while !hasEnded {
            await turn.wait(on: loop)
        }
    }
}
