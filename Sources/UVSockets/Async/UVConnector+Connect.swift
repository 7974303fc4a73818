extension UVConnector {
    /// How long the connection of a cancelled `connect` may last before it is reset: 500 ms.
    public static let cancellationGrace = Duration.milliseconds(500)

    /// Connects to a server, and closes the connection when the closure returns or throws.
    ///
    ///     let greeting = try await UVConnector.connect(to: "localhost:8081") { server in
    ///         try await server.send("hello")
    ///         return try await server.messages.first { _ in true }
    ///     }
    ///
    /// The closure runs on the loop's thread. After it has awaited something elsewhere, it comes
    /// back there. If it blocks, it blocks everything on the loop. When it has ended, what was sent
    /// still leaves. This call returns when the socket is closed.
    ///
    /// When this task is cancelled, what the closure awaits of the connection throws
    /// `CancellationError`. The closure has ``cancellationGrace`` to end, and what it has sent to
    /// leave. Then the connection is reset.
    ///
    /// A handler that connects its client to another server uses
    /// ``UVAsyncConnection/connect(to:from:timeout:framing:options:body:)``. That closure may use
    /// both connections.
    ///
    /// - Parameters:
    ///   - endpoint: The server to connect to. A name is looked up, and its addresses are tried in
    ///     turn.
    ///   - local: The address of this machine to connect from, as for a ``UVConnector``. Nil lets
    ///     the system choose.
    ///   - timeout: How long the lookup and all attempts together may take.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the connection behaves. When the server has finished sending, the
    ///     connection stays half-open until the closure returns, whatever the options say.
    ///   - loop: A loop that somebody runs meanwhile, as ``UVLoop/run(task:)`` does. Nil uses a
    ///     loop with its own thread, which all connections without a given loop share. If nobody
    ///     runs the loop, the log says so, and the deadline ends the attempt.
    ///   - body: Uses the connection. The connection ends when it returns.
    /// - Returns: What the closure returns.
    /// - Throws: ``UVError`` if it cannot connect. `CancellationError` if it was cancelled before
    ///   it had connected. What the closure throws.
    nonisolated(nonsending) public static func connect<Result: Sendable>(
        to endpoint: UVEndpoint, from local: UVEndpoint? = nil,
        timeout: Duration = .seconds(10), framing: UVFraming = .raw,
        options: UVConnectionOptions = .connector, on loop: UVLoop? = nil,
        body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try await connect(
            ConnectSettings(
                endpoint: endpoint, local: local, timeout: timeout, framing: framing,
                options: options),
            on: loop, body)
    }

    nonisolated(nonsending) private static func connect<Result: Sendable>(
        _ settings: ConnectSettings, on loop: UVLoop?,
        _ body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        guard let loop, !loop.isOnLoop else {
            let loop = try loop ?? LoopThread.shared.get().loop
            return try await ConnectScope(on: loop).connect(settings, body)
        }
        let scope = ConnectScope(on: loop)
        try await loop.begin("connect", settings.endpoint, within: settings.timeout) {
            await scope.abandon()
        } _: {
            _ = try await scope.begin(settings)
        }
        return try await scope.use(body)
    }
}

/// Brings a task onto a loop's thread that it does not run on otherwise.
private actor ConnectScope {
    nonisolated let loop: UVLoop
    private let client: AsyncClient

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(on loop: UVLoop) {
        self.loop = loop
        client = AsyncClient(on: loop)
    }

    func connect<Result: Sendable>(
        _ settings: ConnectSettings,
        _ body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try await client.connect(settings, body)
    }

    // The same in two parts. Between them the task is elsewhere.

    func begin(_ settings: ConnectSettings) async throws -> UVAsyncConnection {
        try await client.begin(settings)
    }

    func finish(_ why: UVEndReason) async {
        await client.finish(why)
    }

    func use<Result: Sendable>(
        _ body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try await client.use(body)
    }

    func abandon() {
        client.abandon()
    }
}

extension UVAsyncConnection {
    /// Connects to another server on the same loop. Within the closure you may use both
    /// connections.
    ///
    /// The new connection is closed when the closure returns or throws.
    ///
    ///     try await UVListener.serve(at: "[::]:8080", framing: .lines) { client in
    ///         try await client.connect(to: "localhost:8081", framing: .lines) { server in
    ///             for try await question in client.messages {
    ///                 try await server.send(question)
    ///                 guard let answer = try await server.nextMessage() else { return }
    ///                 try await client.send(answer)
    ///             }
    ///         }
    ///     }
    ///
    /// Otherwise it works as ``UVConnector/connect(to:from:timeout:framing:options:on:body:)``.
    /// Outside the closure the connection is closed.
    ///
    /// - Parameters:
    ///   - endpoint: The server to connect to. A name is looked up, and its addresses are tried in
    ///     turn.
    ///   - local: The address of this machine to connect from, as for a ``UVConnector``. Nil lets
    ///     the system choose.
    ///   - timeout: How long the lookup and all attempts together may take.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the connection behaves. When the server has finished sending, the
    ///     connection stays half-open until the closure returns, whatever the options say.
    ///   - body: Uses the connection. The connection ends when it returns.
    /// - Returns: What the closure returns.
    /// - Throws: ``UVError`` if it cannot connect. `CancellationError` if it was cancelled before
    ///   it had connected. What the closure throws.
    nonisolated(nonsending) public func connect<Result: Sendable>(
        to endpoint: UVEndpoint, from local: UVEndpoint? = nil,
        timeout: Duration = .seconds(10), framing: UVFraming = .raw,
        options: UVConnectionOptions = .connector,
        body: nonisolated(nonsending) (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        let settings = ConnectSettings(
            endpoint: endpoint, local: local, timeout: timeout, framing: framing, options: options)
        if loop.isHome(of: #isolation) {
            return try await AsyncClient(on: loop).connect(settings, body)
        }
        // The closure belongs to the caller, who is elsewhere. It may use both connections there.
        let scope = ConnectScope(on: loop)
        let server = try await scope.begin(settings)
        do {
            let result = try await body(server)
            await scope.finish(.closed)
            return result
        } catch {
            await scope.finish(.handlerFailed)
            throw error
        }
    }
}
