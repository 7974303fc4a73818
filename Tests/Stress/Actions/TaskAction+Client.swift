import UVSockets

/// Clients that ask. They are on this loop, or on the one that all share, and any loop uses them.
extension TaskAction {
    private static func client(
        _ name: String,
        _ body:
            nonisolated(nonsending) @escaping @Sendable (World, UVClient) async throws -> Void
    ) -> TaskAction {
        TaskAction("UVClient.\(name)") { world, _ in
            let client = world.scene.clients.withLock { $0.pick(&world.random) }
            if let client { try await body(world, client) }
        }
    }

    /// A pool of this moment.
    private static func pool(
        _ name: String,
        _ body:
            nonisolated(nonsending) @escaping @Sendable (World, UVClientPool) async throws -> Void
    ) -> TaskAction {
        TaskAction("UVClientPool.\(name)") { world, _ in
            guard world.random.once(in: 5) else { return }
            let endpoint = world.target()
            let pool = try UVClientPool(size: world.random.number(1...3)) { () throws(UVError) in
                try UVClient(to: endpoint, framing: .lines)
            }
            try await body(world, pool)
        }
    }

    static let clients: [TaskAction] = [
        TaskAction(
            "UVClient.init(to:from:framing:matching:timeout:options:reconnect:queueLimit:questionLimit:inFlightLimit:on:)"
        ) { world, _ in
            let matching: UVMatching =
                world.random.once(in: 2) ? .inOrder : .by { $0.count > 0 ? $0[0] : nil }
            // Where the process ends, a lookup on the loop that all share would look like a leak.
            let isShared = world.random.once(in: 2)
            let endpoint = world.scene.endpoints.withLock { $0.pick(&world.random) }
            guard let endpoint = isShared ? endpoint : world.target() else { return }
            let client = try UVClient(
                to: endpoint, framing: world.random.framing(), matching: matching,
                timeout: world.random.milliseconds(1...500),
                options: world.random.wild(.connector),
                reconnect: world.random.once(in: 3) ? nil : UVReconnect(),
                queueLimit: world.random.number(0...10_000),
                questionLimit: world.random.number(0...20),
                inFlightLimit: world.random.number(0...20),
                on: isShared ? nil : world.loop)
            // The one that leaves is closed when nobody uses it any more.
            _ = world.scene.clients.withLock { $0.add(client) }
        },
        client("defaultQuestionLimit") { world, _ in
            world.expect(UVClient.defaultQuestionLimit > 0, "there is room for questions")
        },
        client("endpoint") { world, client in
            world.expect(!client.endpoint.host.isEmpty, "a server has a host")
        },
        client("isConnected") { world, client in
            world.expect(client.openQuestions >= 0 || client.isConnected, "it counts")
        },
        client("openQuestions") { world, client in
            world.expect(client.openQuestions <= 20, "questions are bounded")
        },
        client("connected()") { world, client in
            try await client.briefly(world) { try await $0.connected() }
        },
        client("ask(_:within:)-([UInt8])") { world, client in
            let limit = world.random.milliseconds(0...50)
            _ = try await client.ask(world.random.message(), within: limit)
        },
        client("ask(_:within:)-(some StringProtocol)") { world, client in
            _ = try await client.ask("a question", within: world.random.milliseconds(0...50))
        },
        client("send(_:)-([UInt8])") { world, client in
            let message = world.random.message()
            try await client.briefly(world) { try await $0.send(message) }
        },
        client("send(_:)-(some StringProtocol)") { world, client in
            try await client.briefly(world) { try await $0.send("text") }
        },
        client("messages") { world, client in
            try await client.briefly(world) { for try await _ in $0.messages {} }
        },
        client("Messages.makeAsyncIterator()") { world, client in
            _ = client.messages.makeAsyncIterator()
        },
        client("Messages.next(isolation:)") { world, client in
            try await client.briefly(world) { _ = try await $0.messages.next(isolation: nil) }
        },
        client("close()") { world, client in
            if world.random.once(in: 4) { client.close() }
        },
        pool("init(size:makeClient:)") { world, pool in
            world.expect(!pool.clients.isEmpty, "a pool has clients")
        },
        pool("clients") { world, pool in _ = pool.clients.count },
        pool("connected") { world, pool in
            world.expect(pool.connected <= pool.clients.count, "not more than there are")
        },
        pool("leastLoaded") { world, pool in _ = pool.leastLoaded.openQuestions },
        pool("ask(_:within:)-([UInt8])") { world, pool in
            _ = try await pool.ask(world.random.line(), within: world.random.milliseconds(0...20))
        },
        pool("ask(_:within:)-(some StringProtocol)") { world, pool in
            _ = try await pool.ask("a question", within: world.random.milliseconds(0...20))
        },
        pool("close()") { world, pool in pool.close() },
    ]
}

extension UVClient {
    /// Does something that may wait for ever, and cancels it soon.
    fileprivate nonisolated(nonsending) func briefly(
        _ world: World, _ body: @escaping @Sendable (UVClient) async throws -> Void
    ) async throws {
        let time = world.random.milliseconds(0...50)
        let task = Task.detached { try await body(self) }
        // When the task is cancelled, which is random.
        try? await Task.sleep(for: time)
        task.cancel()
        try await task.value
    }
}
