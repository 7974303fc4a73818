extension UVListener {
    /// Serves each client in a task of its own, until this task is cancelled.
    ///
    ///     try await UVListener.serve(at: "[::]:8081") { client in
    ///         for try await bytes in client.messages {
    ///             try await client.send(bytes)
    ///         }
    ///     }
    ///
    /// By default the server runs on a loop with its own thread, or on several such loops. They end
    /// with the server. Handlers run on these threads. After they have awaited something elsewhere,
    /// they come back. Handlers of one loop never run at the same time. If one of them blocks, it
    /// blocks all of that loop.
    ///
    /// When a handler returns, its client is closed after everything that was sent has left. When
    /// it throws anything except a ``UVEndReason``, the error is logged, and the client ends with
    /// ``UVEndReason/handlerFailed``.
    ///
    /// When this task is cancelled, nobody is accepted any more. The handlers' tasks are cancelled,
    /// too, so what they await of their clients throws `CancellationError`. Clients that are still
    /// there after the drain time are reset. This call returns when all handlers have returned, and
    /// never leaves a task behind. So a handler that waits for anything except its client must make
    /// sure that this wait ends.
    ///
    /// ``UVServerHandle/stop(drainFor:goodbye:)`` is the graceful end: it lets the handlers finish.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen. Port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts before the server does.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave. When a peer has finished sending,
    ///     its connection stays half-open until the handler returns, whatever the options say.
    ///   - loop: A loop to serve on that somebody runs meanwhile, as ``UVLoop/run(task:)`` does.
    ///     Nil makes one or more own loops. If nobody runs the given loop, the log says so.
    ///   - loops: The number of loops, each with its own thread. ``UVLoopGroup/cores`` means one
    ///     per core. All limits hold for the loops together, except that each loop has an equal
    ///     share of the `outboundBudget`.
    ///   - balance: How clients are spread over the loops.
    ///   - drainTime: How long clients have after the task is cancelled, before they are reset.
    ///   - onListening: Called once when the server listens. It gets the server's handle, for
    ///     example to ask where it listens and which clients it has, or to broadcast.
    ///   - setUp: Called on each loop with its listener, before it listens. Use it to set the
    ///     listener's callbacks or its `userToken`.
    ///   - handler: Serves one client.
    /// - Throws: ``UVError`` if the server cannot listen.
    nonisolated(nonsending) public static func serve(
        at endpoint: UVEndpoint, backlog: Int = 4096, framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(),
        on loop: UVLoop? = nil, loops: Int = 1, balance: UVBalance = .fewestClients,
        drainFor drainTime: Duration = .seconds(5),
        onListening: @escaping @Sendable (UVServerHandle) -> Void = { _ in },
        setUp: @escaping @Sendable (UVListener) -> Void = { _ in },
        handler:
            nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
    ) async throws(UVError) {
        try await serve(
            ServeSettings(
                listening: ListenSettings(
                    endpoint: endpoint, backlog: backlog, framing: framing, options: options),
                loop: loop, loops: loops, balance: balance, drainTime: drainTime,
                onListening: onListening, setUp: setUp), handler)
    }

    // The closures capture `isolation`, so that they run in the caller's isolation, too.
    private static func serve(
        _ settings: ServeSettings, _ handler: @escaping AsyncServer.Handler,
        isolation: isolated (any Actor)? = #isolation
    ) async throws(UVError) {
        precondition(
            settings.loop == nil || settings.loops == 1, "loops must be 1 where a loop is given")
        var settings = settings
        settings.listening.options.connection.allowsHalfOpen = true
        let group = settings.loop == nil ? try UVLoopGroup(loops: settings.loops) : nil
        let loops = group?.loops ?? [settings.loop].compactMap(\.self)
        let servers = loops.map { AsyncServer(on: $0, handler) }
        let result: Result<Void, UVError>
        do {
            let server = try await begin(servers, settings)
            await withTaskCancellationHandler {
                _ = isolation
                settings.onListening(server)
                await serveClients(servers)
            } onCancel: { [settings] in
                server.beginStop(drainFor: settings.drainTime)
            }
            result = .success(())
        } catch let error as UVError where !Task.isCancelled {
            result = .failure(error)
        } catch {
            // It was cancelled before it listened, so there is nobody to serve.
            result = .success(())
        }
        await group?.end()
        try result.get()
    }

    /// Makes the server and starts to listen.
    nonisolated(nonsending) private static func begin(
        _ servers: [AsyncServer], _ settings: ServeSettings
    ) async throws -> UVServerHandle {
        guard let loop = settings.loop, !loop.isOnLoop else {
            return try await open(servers, settings)
        }
        return try await loop.begin("serve", settings.listening.endpoint, within: nil) {
            await $0.stop(drainFor: .zero)
        } _: {
            try await open(servers, settings)
        }
    }

    private static func open(
        _ servers: [AsyncServer], _ settings: ServeSettings,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> UVServerHandle {
        let server = await makeServer(servers, settings)
        try await withTaskCancellationHandler {
            _ = isolation
            try await server.open(settings.balance, settings.listening.endpoint)
        } onCancel: {
            server.beginStop(drainFor: .zero)
        }
        return server
    }

    nonisolated(nonsending) private static func makeServer(
        _ servers: [AsyncServer], _ settings: ServeSettings
    ) async -> UVServerHandle {
        let loops = servers.map(\.loop)
        let admissions =
            loops.count > 1 ? settings.listening.admissions(loops: loops, settings.balance) : nil
        var parts: [ListenerReference] = []
        for (index, server) in servers.enumerated() {
            let part = admissions.map { ServerPart(admissions: $0, index: index) }
            parts.append(await server.makeListener(settings, part: part))
        }
        let remote = UVServerHandle(parts, settings.listening.framing, admissions)
        for server in servers { await server.join(remote, settings) }
        return remote
    }

    private static func serveClients(
        _ servers: [AsyncServer], isolation: isolated (any Actor)? = #isolation
    ) async {
        // One loop needs no task group. A group awaits its tasks on the global pool, which would
        // start threads for nothing.
        guard servers.count > 1 else {
            return await servers[0].serveClients()
        }
        await withDiscardingTaskGroup { group in
            // Immediate tasks, so that clients do not wait for a thread of the pool.
            for server in servers { group.addImmediateTask { await server.serveClients() } }
        }
    }
}
