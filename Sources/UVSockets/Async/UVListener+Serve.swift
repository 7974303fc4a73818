extension UVListener {
    /// Serves each client by a task of its own, until this task is cancelled.
    ///
    ///     try await UVListener.serve(at: "[::]:8081") { client in
    ///         for try await bytes in client.messages {
    ///             try await client.send(bytes)
    ///         }
    ///     }
    ///
    /// The server runs on a loop and a thread of its own, or on so many, which end with it. Handlers
    /// run there, too, and come back there from what they await elsewhere: those of one loop never run
    /// at the same time, and what blocks in one of them blocks all of that loop.
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
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How the server and its connections behave. Connections are half-open where their
    ///     peer has finished sending, until their handler returns, whatever the options say.
    ///   - loop: A loop to serve on, which somebody runs meanwhile, as ``UVLoop/run(task:)`` does; nil
    ///     for one of its own, or so many. Where nobody runs it, a line in the log says so.
    ///   - loops: On how many loops, each on a thread of its own; ``UVLoopGroup/cores`` for one a core.
    ///     All limits hold for them together, but each has an equal share of the `outboundBudget`.
    ///   - balance: How clients are spread over the loops.
    ///   - drainTime: How long clients have, once the task is cancelled, before they are reset.
    ///   - onListening: Called once it listens, with the server for other tasks: where it listens, who
    ///     is there, broadcasts.
    ///   - setUp: Called on each loop with its listener, before it listens: to set its callbacks or
    ///     its `userToken`.
    ///   - handler: Serves a client.
    /// - Throws: ``UVError`` where it cannot listen.
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

    // With the caller's isolation as a parameter: a closure that captures it stays there, too.
    private static func serve(
        _ settings: ServeSettings, _ handler: @escaping AsyncServer.Handler,
        isolation: isolated (any Actor)? = #isolation
    ) async throws(UVError) {
        precondition(
            settings.loop == nil || settings.loops == 1, "a server on a given loop has 1 loop")
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
            // Cancelled before it listened, it has nobody to serve.
            result = .success(())
        }
        await group?.end()
        try result.get()
    }

    /// Makes the server, which listens then.
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
        // Without a group where there is one loop: a group awaits its tasks on the global pool, and the
        // process would have threads for nothing.
        guard servers.count > 1 else {
            return await servers[0].serveClients()
        }
        await withDiscardingTaskGroup { group in
            // Immediate, so that clients need not wait for a thread of the pool.
            for server in servers { group.addImmediateTask { await server.serveClients() } }
        }
    }
}
