extension UVListener {
    /// Serves each client by a task of its own, until this task is cancelled.
    ///
    ///     try await UVListener.serve(at: "[::]:8081") { client in
    ///         for try await bytes in client.messages {
    ///             try await client.send(bytes)
    ///         }
    ///     }
    ///
    /// The server runs on a loop and a thread of its own, which end with it. Handlers run there, too,
    /// and come back there from what they await elsewhere: those of one server never run at the same
    /// time, and what blocks in one of them blocks all.
    ///
    /// When a handler returns, its client is closed after what was sent has left. When it throws
    /// anything but a ``UVEndReason``, that is logged, and the client ends as
    /// ``UVEndReason/handlerFailed``.
    ///
    /// When this task is cancelled, nobody is accepted any more, and the messages of every client end,
    /// so that its handler can finish; the handlers' tasks are cancelled as well. This returns once
    /// all handlers have, and never leaves a task behind. Clients that are still there after the drain
    /// time are reset; a handler that waits for something else than its client must itself see to it
    /// that it ends.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen; port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts ahead of the server.
    ///   - options: How the server and its connections behave. Connections are half-open where their
    ///     peer has finished sending, until their handler returns, whatever the options say.
    ///   - drainTime: How long clients have, once the task is cancelled, before they are reset.
    ///   - onListening: Told where it listens, on the server's thread, before the first client.
    ///   - handler: Serves a client.
    /// - Throws: ``UVError`` where it cannot listen.
    nonisolated(nonsending) public static func serve(
        at endpoint: UVEndpoint, backlog: Int = 4096,
        options: UVListenerOptions = UVListenerOptions(),
        drainFor drainTime: Duration = .seconds(5),
        onListening: @escaping @Sendable (UVEndpoint) -> Void = { _ in },
        handler:
            nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
    ) async throws(UVError) {
        try await serve(
            ServeSettings(
                endpoint: endpoint, backlog: backlog, codec: nil, options: options,
                drainTime: drainTime, onListening: onListening), handler)
    }

    /// Serves each client by a task of its own, in messages of a framing, until this task is
    /// cancelled; as ``serve(at:backlog:options:drainFor:onListening:handler:)`` does.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen; port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts ahead of the server.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave.
    ///   - drainTime: How long clients have, once the task is cancelled, before they are reset.
    ///   - onListening: Told where it listens, on the server's thread, before the first client.
    ///   - handler: Serves a client.
    /// - Throws: ``UVError`` where it cannot listen.
    nonisolated(nonsending) public static func serve(
        at endpoint: UVEndpoint, backlog: Int = 4096, framing: some FrameCodec,
        options: UVListenerOptions = UVListenerOptions(),
        drainFor drainTime: Duration = .seconds(5),
        onListening: @escaping @Sendable (UVEndpoint) -> Void = { _ in },
        handler:
            nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
    ) async throws(UVError) {
        try await serve(
            ServeSettings(
                endpoint: endpoint, backlog: backlog, codec: framing, options: options,
                drainTime: drainTime, onListening: onListening), handler)
    }

    nonisolated(nonsending) private static func serve(
        _ settings: ServeSettings, _ handler: @escaping AsyncServer.Handler
    ) async throws(UVError) {
        let thread = try LoopThread(running: try UVLoop())
        defer { thread.stop() }
        try await AsyncServer(on: thread.loop, handler).serve(settings)
    }
}
