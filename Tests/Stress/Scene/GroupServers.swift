import UVSockets

/// Servers of callbacks on the loops of one group: a steady one, and wild ones one after the other.
final class GroupServers: Sendable {
    private let scene: Scene
    private let group: UVLoopGroup
    private let steady = Guarded<UVServerHandle?>(nil)
    private let isServing = Guarded(true)
    private let hasEnded = Guarded(false)

    init(_ scene: Scene) throws(UVError) {
        self.scene = scene
        group = try UVLoopGroup(loops: max(2, min(2, UVLoopGroup.cores)))
        for loop in group.loops {
            loop.submit {
                let world = scene.world(of: loop, "a group's loop", .group)
                if (try? world.begin()) == nil { scene.fault("a group's loop has no timer") }
            }
        }
        Task.detached { [self] in
            do {
                steady.value = try await listenSteadily()
                try await listenAgainAndAgain()
            } catch {
                scene.fault("a group's server: \(error)")
            }
            isServing.value = false
        }
        Task.detached { [self] in
            do {
                try await group.run(stoppingOn: [.hangup])
            } catch {
                scene.fault("a group's signal: \(error)")
            }
            await group.run()
            hasEnded.value = true
        }
    }

    /// Stops all of it, when the scene is over.
    func end() {
        scene.wait(for: "a group's server", isServing) { !$0 }
        let worlds = scene.allWorlds.filter { $0.kind == .group }
        for world in worlds { world.loop.submit { world.retire() } }
        scene.wait(for: "the stop of a group's server") { [self] in
            _ = await steady.value?.stop(drainFor: .milliseconds(100))
        }
        for world in worlds { scene.wait(for: "a group's loop", world.isQuiet) }
        scene.wait(for: "the stop of a group") { [self] in
            await group.stop(drainFor: .milliseconds(100))
        }
        scene.wait(for: "the run of a group", hasEnded)
        for world in worlds { world.clear() }
    }

    private func listenSteadily() async throws(UVError) -> UVServerHandle {
        let scene = scene
        let server = try await group.listen(
            at: "127.0.0.1:0", framing: .lines, options: .steady
        ) { listener in
            let world = scene.world(of: listener.loop, "a group's loop", .group)
            world.adopt(listener, .server, isSteady: true)
            return world.messageHandler(echo: 1)
        }
        scene.add(server, isSteady: true)
        return server
    }

    private func listenAgainAndAgain() async throws {
        var random = scene.generator(for: "a group's servers")
        while !scene.isOver {
            guard let server = try await unlessExpected({ try await listen(&random) }) else {
                continue
            }
            scene.add(server)
            // The length of the server's life, which is random.
            try? await Task.sleep(for: random.milliseconds(1...700))
            await server.stop(
                drainFor: random.milliseconds(0...200), goodbye: random.once(in: 2) ? [] : [0x78])
        }
    }

    private func unlessExpected(
        _ listen: () async throws -> UVServerHandle
    ) async throws -> UVServerHandle? {
        do {
            return try await listen()
        } catch let error as UVError where scene.expects(error) {
            return nil
        }
    }

    private func listen(_ random: inout SplitMix64) async throws(UVError) -> UVServerHandle {
        let scene = scene
        let makeHandler: @Sendable (UVListener) -> UVLoopGroup.MessageHandler = { listener in
            let world = scene.world(of: listener.loop, "a group's loop", .group)
            world.adopt(listener, .server)
            return world.messageHandler(echo: 2)
        }
        let (options, balance) = (random.wildListener(), random.pick(UVBalance.allCases))
        return try await group.listen(
            at: "127.0.0.1:0", framing: random.framing(), options: options, balance: balance,
            makeHandler: makeHandler)
    }
}
