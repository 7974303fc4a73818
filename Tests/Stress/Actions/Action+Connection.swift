import UVSockets

extension Action {
    /// A call on a connection. Where it would harm a well-behaved client that is left alone.
    static func connection(
        _ name: String, harms: Bool = false,
        _ body: @escaping @Sendable (World, Record) -> Void
    ) -> Action {
        Action("UVConnection.\(name)") { world in
            guard let record = world.anyRecord(), !harms || !record.isSteady else { return }
            body(world, record)
        }
    }

    static let connections: [Action] = [
        connection("finish()", harms: true) { $1.connection.finish() },
        connection("close()", harms: true) { $1.connection.close() },
        connection("reset()", harms: true) { $1.connection.reset() },
        connection("pauseReceiving(file:line:)") { world, record in
            record.connection.pauseReceiving()
            guard !record.isSteady else { return world.resumeLater(record) }
            // An end while it is paused, and what was to resume it comes after that.
            if world.random.once(in: 3) { record.connection.close() }
            if world.random.once(in: 3), world.kind != .bare { world.resumeLater(record) }
        },
        connection("resumeReceiving()") { $1.connection.resumeReceiving() },
        connection("framing") { world, record in
            let connection = record.connection
            guard record.isSteady else { return connection.framing = world.random.framing() }
            connection.framing = connection.framing
        },
        connection("task(_:)", harms: true) { world, record in
            guard world.kind != .bare, world.openTasks < 20 else { return }
            world.openTasks += 1
            let connection = record.connection
            let task = connection.task {
                defer { world.openTasks -= 1 }
                await Task.yield()
                connection.send(world.message(for: record))
                try Task.checkCancellation()
                world.act()
                if world.random.once(in: 5) { throw Enough() }
            }
            if world.random.once(in: 3) { task.cancel() }
        },
        connection("userToken") { world, record in
            _ = record.connection.userToken
            record.connection.userToken = world.random.once(in: 2) ? nil : Token()
        },
    ]

    static let sends: [Action] = [
        connection("send(_:)-(Span<UInt8>)") { $1.connection.send($0.message(for: $1).span) },
        connection("send(_:)-([UInt8])") { $1.connection.send($0.message(for: $1)) },
        connection("send(_:)-(some Collection<UInt8>)") {
            $1.connection.send($0.message(for: $1)[...])
        },
        connection("send(_:)-(some StringProtocol)") { world, record in
            let result = record.connection.send(record.isSteady ? "noise" : "text\n")
            world.expect(!record.hasEnded || result == .closed, "what has ended takes no message")
        },
    ]

    static let counters: [Action] = [
        connection("id") { $0.expect($1.connection.id > 0, "an id counts from 1") },
        connection("loop") { $0.expect($1.connection.loop === $0.loop, "it is of its loop") },
        connection("bytesReceived") { _ = ($0, $1.connection.bytesReceived) },
        connection("bytesSent") { _ = ($0, $1.connection.bytesSent) },
        connection("messagesReceived") { _ = ($0, $1.connection.messagesReceived) },
        connection("options") { _ = ($0, $1.connection.options.lowWatermark) },
        connection("listener") { _ = ($0, $1.connection.listener?.endpoint) },
        connection("peer") { $0.expect($1.connection.peer.port > 0, "a peer has a port") },
        connection("localEndpoint") { world, record in
            let endpoint = record.connection.localEndpoint
            world.expect(!record.hasEnded || endpoint == nil, "what has ended has no endpoint")
        },
        connection("age") { $0.expect($1.connection.age >= .zero, "an age is not negative") },
        connection("bytesQueued") { $0.expect($1.connection.bytesQueued >= 0, "it counts") },
        connection("isOpen") { world, record in
            world.expect(
                !record.connection.isOpen || !record.hasEnded, "what has ended is not open")
        },
        connection("why") { world, record in
            world.expect(!record.connection.why.description.isEmpty, "there is a cause")
        },
        connection("history") { world, record in
            let history = record.connection.history
            world.expect(history.count <= UVLoop.historyLimit, "a history is bounded")
        },
        connection("framingFault") { world, record in
            guard let fault = record.connection.framingFault else { return }
            world.expect(
                fault.bytes.count <= UVFramingFault.byteLimit && fault.frameOffset <= fault.offset,
                "a fault is bounded")
        },
        connection("stats") { _ = ($0, $1.connection.stats) },
    ]
}

/// An object to be found again at a connection or a listener.
final class Token {}

extension World {
    /// Does something in a moment, also where nothing new may begin, but not on a closed loop.
    func later(_ body: @escaping () -> Void) {
        guard !isQuiet.value else { return }
        openWaits += 1
        let timer = try? loop.after(random.milliseconds(1...300)) { [self] in
            openWaits -= 1
            body()
        }
        if timer == nil { openWaits -= 1 }
    }

    fileprivate func resumeLater(_ record: Record) {
        later { record.connection.resumeReceiving() }
    }
}
