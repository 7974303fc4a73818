import UVSockets

/// Servers that serve wild clients by tasks, one after the other.
extension Scene {
    private typealias TaskHandler =
        nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Void

    /// A server while it serves: what its loops have told.
    private final class Run: Sendable {
        let name: String
        let loop: UVLoop?
        let remote = Guarded<UVServerHandle?>(nil)
        let worlds = Guarded<[World]>([])

        init(_ name: String, on loop: UVLoop?) {
            self.name = name
            self.loop = loop
        }
    }

    /// Serves for some tenths of a second, then again, until the scene is over.
    func serveAgainAndAgain(_ name: String, on loop: UVLoop?) async {
        var random = generator(for: name)
        while !isOver, !Task.isCancelled {
            let (run, generator) = (Run(name, on: loop), random)
            _ = random.next()
            let task = Task { try await serve(run, generator) }
            // The length of the server's life, which is random.
            try? await Task.sleep(for: random.milliseconds(1...700))
            await end(task, run, byStop: random.once(in: 2))
            for world in run.worlds.value where world.kind == .bare { world.endBare() }
        }
    }

    /// Ends a server by its task's cancellation, or by a stop.
    private func end(_ task: Task<Void, any Error>, _ run: Run, byStop: Bool) async {
        if byStop, let remote = run.remote.value {
            await remote.stop(drainFor: .milliseconds(100))
        } else {
            task.cancel()
        }
        do {
            try await task.value
        } catch let error as UVError where expects(error) {
            // The next one may begin.
        } catch {
            fault("\(run.name): \(error)")
        }
    }

    private func serve(_ run: Run, _ generator: SplitMix64) async throws {
        var random = generator
        let kind: World.Kind = run.loop == nil ? .bare : .task
        let (options, framing) = (random.wildListener(), random.framing())
        let loops = run.loop == nil ? random.number(1...2) : 1
        let balance = random.pick(UVBalance.allCases)
        let listens: @Sendable (UVServerHandle) -> Void = { [self] remote in
            run.remote.value = remote
            add(remote)
        }
        let setUp: @Sendable (UVListener) -> Void = { [self] listener in
            let world = world(of: listener.loop, run.name, kind)
            run.worlds.withLock { $0.append(world) }
            world.adopt(listener, .tasks)
        }
        let handler: TaskHandler = { client in
            try await self.world(of: client.connection.loop, run.name, kind).serve(client)
        }
        if random.once(in: 2) {
            return try await UVListener.serve(
                at: "127.0.0.1:0", framing: framing, options: options, on: run.loop, loops: loops,
                balance: balance, drainFor: .milliseconds(100), onListening: listens, setUp: setUp,
                state: { [self] in world(of: $0.loop, run.name, kind) }
            ) { client, world in
                try await world.serve(client)
            }
        }
        try await UVListener.serve(
            at: "127.0.0.1:0", framing: framing, options: options, on: run.loop, loops: loops,
            balance: balance, drainFor: .milliseconds(100), onListening: listens, setUp: setUp,
            handler: handler)
    }
}

extension World {
    /// Its server has returned, and its loop's thread has ended.
    func endBare() {
        if !live.isEmpty || openStops > 0 { fault("its server has returned, but has \(debts)") }
        clear()
    }
}
