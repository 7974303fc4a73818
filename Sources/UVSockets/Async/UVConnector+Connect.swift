extension UVConnector {
    /// Connects to a server, and closes the connection when the closure returns or throws.
    ///
    ///     let greeting = try await UVConnector.connect(to: "localhost:8081") { server in
    ///         try await server.send("hello")
    ///         return try await server.messages.first { _ in true }
    ///     }
    ///
    /// The closure runs on the thread of the loop, and comes back there from what it awaits elsewhere;
    /// what blocks in it blocks all that is on the loop. When it has ended, what was sent still leaves,
    /// and this returns once the socket is closed.
    ///
    /// When this task is cancelled the connection is closed, so that the messages of the server end.
    ///
    /// A handler that brings its client to another server connects by
    /// ``UVAsyncConnection/connect(to:from:timeout:framing:options:body:)``, whose closure may use both.
    ///
    /// - Parameters:
    ///   - endpoint: Whom to connect to. A name is looked up, and its addresses are tried in turn.
    ///   - local: The address of this machine to connect from, as for a ``UVConnector``; nil leaves it to
    ///     the system.
    ///   - timeout: How long the lookup and all attempts together may take.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How the connection behaves. It is half-open where the server has finished
    ///     sending, until the closure returns, whatever the options say.
    ///   - loop: A loop that somebody runs meanwhile, as ``UVLoop/run(task:)`` does; nil for one with a
    ///     thread of its own, which all connections share that are given none. Where nobody runs it, a
    ///     line in the log says so, and the deadline ends the attempt.
    ///   - body: Uses the connection, which ends with it.
    /// - Returns: What the closure returns.
    /// - Throws: ``UVError`` where it cannot connect, `CancellationError` where it was cancelled
    ///   before it had, and what the closure throws.
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
            try await scope.begin(settings)
        }
        return try await scope.use(body)
    }
}

/// Brings a task to a loop's thread, whose it is not otherwise.
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

    // The same in two parts, between which the task is elsewhere.

    func begin(_ settings: ConnectSettings) async throws {
        try await client.begin(settings)
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
    /// Connects to another server, on the same loop, and closes that connection when the closure
    /// returns or throws. Within it both are at hand.
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
    /// Otherwise it is as ``UVConnector/connect(to:from:timeout:framing:options:on:body:)``. Kept beyond the closure,
    /// in a variable of the handler, it is a connection that has ended.
    ///
    /// - Parameters:
    ///   - endpoint: Whom to connect to. A name is looked up, and its addresses are tried in turn.
    ///   - local: The address of this machine to connect from, as for a ``UVConnector``; nil leaves it to
    ///     the system.
    ///   - timeout: How long the lookup and all attempts together may take.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How the connection behaves. It is half-open where the server has finished
    ///     sending, until the closure returns, whatever the options say.
    ///   - body: Uses the connection, which ends with it.
    /// - Returns: What the closure returns.
    /// - Throws: ``UVError`` where it cannot connect, `CancellationError` where it was cancelled
    ///   before it had, and what the closure throws.
    nonisolated(nonsending) public func connect<Result: Sendable>(
        to endpoint: UVEndpoint, from local: UVEndpoint? = nil,
        timeout: Duration = .seconds(10), framing: UVFraming = .raw,
        options: UVConnectionOptions = .connector,
        body: nonisolated(nonsending) (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try await AsyncClient(on: connection.loop).connect(
            ConnectSettings(
                endpoint: endpoint, local: local, timeout: timeout, framing: framing,
                options: options),
            body)
    }
}
