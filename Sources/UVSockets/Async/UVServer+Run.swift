extension UVServer {
    /// Serves until the task is cancelled, the server is stopped, or a signal comes.
    ///
    /// - Parameters:
    ///   - given: The loops to serve on, which somebody runs. Nil makes own ones.
    ///   - signals: The signals that stop the server.
    // The closures capture `isolation`, so that they run in the caller's isolation, too.
    func serve(
        on given: [UVLoop]?, stoppingOn signals: [UVSignal],
        isolation: isolated (any Actor)? = #isolation
    ) async throws(UVError) {
        let group =
            given == nil
            ? try UVLoopGroup(
                loops: loops, logger: logger, recordedEvents: recordedEvents, blackBox: blackBox)
            : nil
        let loops = group?.loops ?? given ?? []
        let servers = loops.map { AsyncServer(on: $0, service) }
        let result: Result<Void, UVError>
        do {
            let server = try await begin(servers, isGiven: given != nil)
            try await withTaskCancellationHandler {
                _ = isolation
                try await servers[0].stop(server, on: signals, drainFor: drainTime, goodbye)
                onListening(server)
                await serveClients(servers)
            } onCancel: {
                server.beginStop(drainFor: drainTime)
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
    nonisolated(nonsending) private func begin(
        _ servers: [AsyncServer], isGiven: Bool
    ) async throws -> UVServerHandle {
        // Somebody else runs the loop, or does not.
        guard isGiven, let loop = servers.map(\.loop).first(where: { !$0.isOnLoop }) else {
            return try await open(servers)
        }
        return try await loop.begin("serve", endpoint, within: nil) {
            await $0.stop(drainFor: .zero)
        } _: {
            try await open(servers)
        }
    }

    private func open(
        _ servers: [AsyncServer], isolation: isolated (any Actor)? = #isolation
    ) async throws -> UVServerHandle {
        let server = await makeServer(servers)
        try await withTaskCancellationHandler {
            _ = isolation
            try await server.open(balance, endpoint)
        } onCancel: {
            server.beginStop(drainFor: .zero)
        }
        return server
    }

    nonisolated(nonsending) private func makeServer(
        _ servers: [AsyncServer]
    ) async -> UVServerHandle {
        let loops = servers.map(\.loop)
        let admissions = loops.count > 1 ? listening.admissions(loops: loops, balance) : nil
        var parts: [ListenerReference] = []
        for (index, server) in servers.enumerated() {
            let part = admissions.map { ServerPart(admissions: $0, index: index) }
            parts.append(await server.makeListener(listening, part: part))
        }
        let remote = UVServerHandle(parts, framing, admissions)
        for server in servers {
            await server.join(remote) { [prepare, setUp] listener in
                prepare(listener)
                setUp(listener)
            }
        }
        return remote
    }

    private func serveClients(
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
