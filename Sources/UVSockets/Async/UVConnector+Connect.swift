extension UVConnector {
    /// Connects to a server, and closes the connection when the closure returns or throws.
    ///
    ///     let greeting = try await UVConnector.connect(to: "localhost:8081") { server in
    ///         try await server.send("hello")
    ///         return try await server.messages.first { _ in true }
    ///     }
    ///
    /// The closure runs on the thread of a loop that all connections made in this way share, and
    /// comes back there from what it awaits elsewhere; what blocks in it blocks all of them. When it
    /// has ended, what was sent still leaves, and this returns once the socket is closed.
    ///
    /// When this task is cancelled the connection is closed, so that the messages of the server end.
    ///
    /// - Parameters:
    ///   - endpoint: Whom to connect to. A name is looked up, and its addresses are tried in turn.
    ///   - deadline: How long the lookup and all attempts together may take.
    ///   - options: How the connection behaves. It is half-open where the server has finished
    ///     sending, until the closure returns, whatever the options say.
    ///   - body: Uses the connection, which ends with it.
    /// - Returns: What the closure returns.
    /// - Throws: ``UVError`` where it cannot connect, `CancellationError` where it was cancelled
    ///   before it had, and what the closure throws.
    nonisolated(nonsending) public static func connect<Result: Sendable>(
        to endpoint: UVEndpoint, deadline: Duration = .seconds(10),
        options: UVConnectionOptions = .connector,
        body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try await connect(
            ConnectSettings(endpoint: endpoint, deadline: deadline, codec: nil, options: options),
            body)
    }

    /// Connects to a server, in messages of a framing, and closes the connection when the closure
    /// returns or throws; as ``connect(to:deadline:options:body:)`` does.
    ///
    /// - Parameters:
    ///   - endpoint: Whom to connect to.
    ///   - deadline: How long the lookup and all attempts together may take.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How the connection behaves.
    ///   - body: Uses the connection, which ends with it.
    /// - Returns: What the closure returns.
    /// - Throws: ``UVError`` where it cannot connect, `CancellationError` where it was cancelled
    ///   before it had, and what the closure throws.
    nonisolated(nonsending) public static func connect<Result: Sendable>(
        to endpoint: UVEndpoint, deadline: Duration = .seconds(10), framing: some FrameCodec,
        options: UVConnectionOptions = .connector,
        body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try await connect(
            ConnectSettings(
                endpoint: endpoint, deadline: deadline, codec: framing, options: options), body)
    }

    nonisolated(nonsending) private static func connect<Result: Sendable>(
        _ settings: ConnectSettings,
        _ body: nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Result
    ) async throws -> Result {
        try await AsyncClient(on: LoopThread.shared.get().loop).connect(settings, body)
    }
}
