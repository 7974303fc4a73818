import UVSockets

extension TaskAction {
    static let connecting: [TaskAction] = [
        TaskAction("UVAsyncConnection.connect(to:from:timeout:framing:options:body:)") {
            world, entry in
            try await entry.connection.connect(
                to: world.target(), timeout: world.random.milliseconds(1...500),
                framing: world.random.framing(),
                options: world.random.wild(.connector)
            ) { server in
                try await world.use(server, for: entry)
            }
        },
        TaskAction("UVConnector.connect(to:from:timeout:framing:options:on:body:)") { world, _ in
            try await UVConnector.connect(
                to: world.target(), timeout: world.random.milliseconds(1...500),
                framing: world.random.framing(),
                options: world.random.wild(.connector), on: world.loop
            ) { server in
                try await world.use(server, for: nil)
            }
        },
    ]

    /// A call on a server, awaited on this loop, which may be one of the server's.
    private static func server(
        _ name: String,
        _ body:
            nonisolated(nonsending) @escaping @Sendable (World, Scene.Server) async -> Void
    ) -> TaskAction {
        TaskAction("UVServerHandle.\(name)") { world, _ in
            let server = world.scene.servers.withLock { $0.pick(&world.random) }
            if let server { await body(world, server) }
        }
    }

    static let serving: [TaskAction] = [
        server("stats()") { world, server in
            let stats = await server.remote.stats()
            world.expect(stats.clients >= 0 && stats.bytesQueued >= 0, "it counts: \(stats)")
        },
        server("snapshot()") { world, server in
            let snapshot = await server.remote.snapshot()
            world.expect(snapshot.clients.count == snapshot.stats.clients, "a snapshot adds up")
        },
        server("send(_:to:)-([UInt8])") { world, server in
            guard !server.isSteady, let record = world.anyRecord() else { return }
            _ = try? await server.remote.send(world.random.message(), to: record.connection.id)
        },
        server("send(_:to:)-(some StringProtocol)") { world, server in
            guard !server.isSteady, let record = world.anyRecord() else { return }
            _ = try? await server.remote.send("sent to one", to: record.connection.id)
        },
        server("room(_:)") { world, server in
            let room = server.remote.room("tea")
            await room.broadcast(world.random.line(), whenSlow: world.random.slowReceiver())
            let (count, members) = await (room.count(), room.members())
            world.expect(count >= 0 && members.allSatisfy { $0 > 0 }, "a room counts")
        },
        server("loops") { world, server in
            world.expect(!server.remote.loops.isEmpty, "a server has a loop")
        },
        server("why(of:)") { world, server in
            _ = await server.remote.why(of: UVConnection.ID(world.random.number(0...20)))
        },
        server("measure(_:)") { world, server in
            await server.remote.measure(world.random.once(in: 2))
        },
        server("measurements()") { world, server in
            let values = await server.remote.measurements()
            world.expect(values.allSatisfy { $0.utilization <= 1 }, "a part is at most the whole")
        },
        server("profile(for:)") { world, server in
            let profiles = try? await server.remote.profile(for: .milliseconds(2))
            world.expect(profiles?.allSatisfy { $0.samples > 0 } != false, "it was looked at")
        },
        server("advice()") { world, server in
            let advice = await server.remote.advice()
            world.expect(advice.allSatisfy { $0.hasSuffix(".") }, "advice is a sentence")
        },
        server("why()") { world, server in
            let groups = await server.remote.why()
            world.expect(Set(groups.map(\.cause)).count == groups.count, "a group has a cause")
        },
        server("endedClients(badOnly:)") { world, server in
            let ended = await server.remote.endedClients(badOnly: world.random.once(in: 2))
            world.expect(ended.allSatisfy { $0.id > 0 }, "each has an id")
        },
        server("history(of:)") { world, server in
            let id = world.anyRecord()?.connection.id ?? 0
            let history = await server.remote.history(of: id)
            world.expect(history.allSatisfy { $0.connection == id }, "it is the client's own")
        },
        server("mapListeners(_:)") { world, server in
            let counts = await server.remote.mapListeners { $0.stats.clients }
            world.expect(counts.allSatisfy { $0 >= 0 }, "each loop counts")
        },
        server("kick(_:)") { world, server in
            guard !server.isSteady, let record = world.anyRecord() else { return }
            await server.remote.kick(record.connection.id)
        },
        server("broadcast(_:except:whenSlow:)-([UInt8])") { world, server in
            let message = server.isSteady ? world.random.line() : world.random.message()
            await server.remote.broadcast(message, whenSlow: world.random.slowReceiver())
        },
        server("broadcast(_:except:whenSlow:)-(some Collection<UInt8>)") { world, server in
            let message = server.isSteady ? world.random.line() : world.random.message()
            await server.remote.broadcast(message[...], whenSlow: world.random.slowReceiver())
        },
        server("broadcast(_:except:whenSlow:)-(some StringProtocol)") { world, server in
            await server.remote.broadcast(
                "news", except: world.anyRecord()?.connection.id,
                whenSlow: world.random.slowReceiver())
        },
        server("stop(drainFor:goodbye:)") { world, server in
            guard !server.isSteady, world.random.once(in: 3) else { return }
            await server.remote.stop(
                drainFor: world.random.milliseconds(0...100), goodbye: world.random.line())
        },
    ]
}

extension World {
    /// Uses the connection that a task has made, which nobody's callbacks tell of.
    nonisolated(nonsending) func use(_ server: UVAsyncConnection, for client: TaskEntry?)
        async throws
    {
        let entry = TaskEntry(server, isSteady: false)
        clients.add(entry)
        if let client, random.once(in: 2) { try await relay(client, entry) }
        for _ in 0..<random.number(0...4) {
            try Task.checkCancellation()
            act()
            await roam(with: entry)
        }
        if random.once(in: 6) { throw Enough() }
    }
}
