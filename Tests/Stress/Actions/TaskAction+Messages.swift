import UVSockets

extension TaskAction {
    /// A call that waits for messages, which one task at a time may do.
    private static func taking(_ name: String, _ body: @escaping Body) -> TaskAction {
        TaskAction("UVAsyncConnection.\(name)") { world, entry in
            guard !entry.isReceiving else { return }
            entry.isReceiving = true
            defer { entry.isReceiving = false }
            try await body(world, entry)
        }
    }

    static let receiving: [TaskAction] = [
        taking("nextMessage()") { _ = try await ($0, $1.connection.nextMessage()) },
        taking("nextMessage(within:)") { world, entry in
            let limit = world.random.milliseconds(0...50)
            _ = try await entry.connection.nextMessage(within: limit)
        },
        taking("nextMessage()") { try await $0.elsewhere($1) { _ = try await $0.nextMessage() } },
        taking("messages") { world, entry in
            var count = world.random.number(1...5)
            for try await message in entry.connection.messages {
                if world.random.once(in: 2) { entry.connection.send(message.span) }
                count -= 1
                if count == 0 { break }
            }
        },
        taking("Messages.makeAsyncIterator()") { world, entry in
            let messages = entry.connection.messages.makeAsyncIterator()
            while try await messages.next(isolation: nil) != nil, !world.random.once(in: 3) {}
        },
        taking("Messages.next(isolation:)") { _, entry in
            let messages = entry.connection.messages
            _ = try await messages.next(isolation: nil)
        },
        taking("forEachMessage(_:)") { world, entry in
            var count = world.random.number(1...5)
            try await entry.connection.forEachMessage { message in
                world.act()
                if world.random.once(in: 2) { entry.connection.send(message) }
                count -= 1
                if count == 0 { throw Enough() }
            }
        },
        TaskAction("UVAsyncConnection.relay(with:)") { world, entry in
            guard let other = world.clients.pick(&world.random) else { return }
            try await world.relay(entry, other)
        },
    ]

    /// A call that waits for room, on this connection or on one on which others wait already.
    private static func waiting(_ name: String, _ body: @escaping Body) -> TaskAction {
        TaskAction("UVAsyncConnection.\(name)") { world, entry in
            if let other = world.clients.all.last(where: \.mayBeCrowded) {
                return try await body(world, other)
            }
            guard !entry.isSending else { return }
            entry.isSending = true
            defer { entry.isSending = false }
            try await body(world, entry)
        }
    }

    static let sending: [TaskAction] = [
        waiting("send(_:)-([UInt8])") { try await $1.connection.send($0.random.message()) },
        waiting("send(_:)-(some Collection<UInt8>)") {
            try await $1.connection.send($0.random.message()[...])
        },
        waiting("send(_:)-(some StringProtocol)") { world, entry in
            for _ in 0..<world.random.number(1...20) { try await entry.connection.send("text") }
        },
        TaskAction("UVAsyncConnection.send(_:)-(Span<UInt8>)") { world, entry in
            let message = entry.isSteady ? world.random.line() : world.random.message()
            entry.connection.send(message.span)
        },
    ]

    static let elsewhere: [TaskAction] = [
        TaskAction("UVAsyncConnection.ended") { _, entry in
            if !entry.isSteady { _ = try await entry.connection.ended }
        },
        TaskAction("UVAsyncConnection.ended") { world, entry in
            try await world.elsewhere(entry) { _ = try await $0.ended }
        },
        waiting("send(_:)-([UInt8])") { world, entry in
            let message = world.random.message()
            try await world.elsewhere(entry) { try await $0.send(message) }
        },
        posting("[UInt8]") { $0.post($1) },
        posting("some Collection<UInt8>") { $0.post($1[...]) },
        posting("some StringProtocol") { $0.post(String(decoding: $1, as: UTF8.self)) },
        TaskAction("UVAsyncConnection.loop") { world, entry in
            world.expect(entry.connection.loop === world.loop, "it is on this loop")
        },
        TaskAction("UVAsyncConnection.close()") { world, entry in
            if !entry.isSteady, world.random.once(in: 3) { entry.connection.close() }
        },
        TaskAction("UVAsyncConnection.finish()") { world, entry in
            if !entry.isSteady, world.random.once(in: 3) { entry.connection.finish() }
        },
    ]

    /// A call that does not wait, here or on another thread.
    private static func posting(
        _ type: String, _ body: @escaping @Sendable (UVAsyncConnection, [UInt8]) -> Void
    ) -> TaskAction {
        TaskAction("UVAsyncConnection.post(_:)-(\(type))") { world, entry in
            guard !entry.isSteady else { return }
            let message = world.random.message()
            if world.random.once(in: 2) { return body(entry.connection, message) }
            try await world.elsewhere(entry) { body($0, message) }
        }
    }

    static let facts: [TaskAction] = [
        TaskAction("UVAsyncConnection.id") { world, entry in
            world.expect(entry.connection.id > 0, "an id counts from 1")
        },
        TaskAction("UVAsyncConnection.peer") { world, entry in
            world.expect(entry.connection.peer.port > 0, "a peer has a port")
        },
        TaskAction("UVAsyncConnection.connection") { world, entry in
            _ = (world, entry.connection.connection.stats)
        },
        TaskAction("UVAsyncConnection.server") { world, entry in
            // It keeps its listener until the loop is closed.
            if let server = entry.connection.server, !entry.isSteady { world.scene.add(server) }
        },
        TaskAction("UVAsyncConnection.reset()") { world, entry in
            if !entry.isSteady, world.random.once(in: 3) { entry.connection.reset() }
        },
    ]
}

extension World {
    /// Uses a connection in a task on another thread, which may be cancelled meanwhile.
    nonisolated(nonsending) func elsewhere(
        _ entry: TaskEntry,
        _ body: @escaping @concurrent @Sendable (UVAsyncConnection) async throws -> Void
    ) async throws {
        guard !entry.isSteady else { return }
        let connection = entry.connection
        let task = Task.detached { try await body(connection) }
        if random.once(in: 2) { task.cancel() }
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Lets two connections exchange their messages, where no other task waits for either's.
    nonisolated(nonsending) func relay(_ one: TaskEntry, _ other: TaskEntry) async throws {
        let isFree = !one.isReceiving && !other.isReceiving
        guard isFree, one.connection !== other.connection else { return }
        (one.isReceiving, other.isReceiving) = (true, true)
        defer { (one.isReceiving, other.isReceiving) = (false, false) }
        try await one.connection.relay(with: other.connection)
    }
}
