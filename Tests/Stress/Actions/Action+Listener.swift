import UVSockets

extension Action {
    /// A call on a listener, live, stopped or never started.
    static func listener(
        _ name: String, harms: Bool = false,
        _ body: @escaping @Sendable (World, ListenerEntry) -> Void
    ) -> Action {
        Action("UVListener.\(name)") { world in
            guard let entry = world.listeners.pick(&world.random), !harms || !entry.isSteady
            else { return }
            if let wrong = entry.check() { world.fault(wrong) }
            body(world, entry)
        }
    }

    static let listeners: [Action] = [
        Action("UVListener.init(on:at:backlog:framing:options:file:line:onMessageReceived:)") {
            world in
            guard world.kind != .bare else { return }
            let listener = UVListener(
                on: world.loop, at: world.address(), backlog: world.random.pick([1, 4096]),
                framing: world.random.framing(), options: world.random.wildListener(),
                onMessageReceived: world.messageHandler(echo: 2))
            world.start(listener)
        },
        listener("startAccept()") { world, entry in
            guard entry.owner == .world else { return }
            try? entry.listener.startAccept()
        },
        listener("stop(drainFor:goodbye:completion:)", harms: true) { world, entry in
            // Where its server's loops end with it nobody would hear the completion of another.
            if world.kind != .bare { world.stop(entry) }
        },
        listener("kick(_:)-(UVConnection)", harms: true) { world, entry in
            guard let record = world.anyRecord(), record.connection.listener === entry.listener
            else { return }
            entry.listener.kick(record.connection)
        },
        listener("kick(_:)-(UVConnection.ID)", harms: true) { world, entry in
            guard let record = world.anyRecord() else { return }
            entry.listener.kick(record.connection.id)
        },
        listener("client(_:)") { world, entry in
            guard let record = world.anyRecord() else { return }
            let client = entry.listener.client(record.connection.id)
            world.expect(client !== record.connection || !record.hasEnded, "clients are live")
        },
    ]

    static let listenerFacts: [Action] = [
        listener("clients") { world, entry in
            let open = entry.listener.clients.allSatisfy { $0.listener === entry.listener }
            world.expect(open, "a listener's clients are its own")
        },
        listener("why") { world, entry in
            world.expect(!entry.listener.why.isEmpty, "there is a cause")
        },
        listener("endedClients(badOnly:)") { world, entry in
            let (all, bad) = (
                entry.listener.endedClients(), entry.listener.endedClients(badOnly: true)
            )
            world.expect(
                all.allSatisfy { $0.ago >= .zero } && bad.allSatisfy(\.reason.kind.isBad),
                "who has ended badly is told")
        },
        listener("stats") { _ = ($0, $1.listener.stats) },
        listener("refusals") { _ = ($0, $1.listener.refusals.total) },
        listener("maxConnections") { $0.expect($1.listener.maxConnections > 0, "one may come") },
        listener("endpoint") { _ = ($0, $1.listener.endpoint) },
        listener("localEndpoint") { world, entry in
            let endpoint = entry.listener.localEndpoint
            world.expect(!entry.isStopped || endpoint == nil, "what is stopped does not listen")
        },
        listener("localEndpoints") { world, entry in
            let listener = entry.listener
            let isFirst = listener.localEndpoints.first == listener.localEndpoint
            world.expect(isFirst, "the first of all is the one")
        },
        listener("acceptFailures") { $0.expect($1.listener.acceptFailures >= 0, "it counts") },
        listener("bytesQueued") { $0.expect($1.listener.bytesQueued >= 0, "it counts") },
        listener("loop") { $0.expect($1.listener.loop === $0.loop, "it is of its loop") },
        listener("userToken") { world, entry in
            _ = entry.listener.userToken
            entry.listener.userToken = world.random.once(in: 2) ? nil : Token()
        },
        listener("remote") { world, entry in
            // It keeps its listener until the loop is closed.
            guard !entry.isStopped, !entry.isSteady else { return }
            world.scene.add(entry.listener.remote)
        },
        listener("onConnected") { $0.renew($1) { $0.onConnected = $0.onConnected } },
        listener("onDisconnected") { $0.renew($1) { $0.onDisconnected = $0.onDisconnected } },
        listener("onDrained") { $0.renew($1) { $0.onDrained = $0.onDrained } },
        listener("onPeerFinished") { $0.renew($1) { $0.onPeerFinished = $0.onPeerFinished } },
        listener("onListening") { $0.renew($1) { $0.onListening = $0.onListening } },
        listener("onFailed") { $0.renew($1) { $0.onFailed = $0.onFailed } },
    ]
}

extension World {
    fileprivate func address() -> UVEndpoint {
        random.pick([
            "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "localhost:0", "[::]:0", "0.0.0.0:0",
            "192.0.2.1:0",
        ])
    }

    /// Gives a listener its callbacks and, usually, starts it.
    fileprivate func start(_ listener: UVListener) {
        adopt(listener, .world)
        if !random.once(in: 5) { try? listener.startAccept() }
    }

    /// Sets a listener's callbacks, to others that do the same or to themselves.
    fileprivate func renew(_ entry: ListenerEntry, _ sameAgain: (UVListener) -> Void) {
        if entry.owner == .tasks || entry.isStopped || random.once(in: 2) {
            sameAgain(entry.listener)
        } else {
            setCallbacks(of: entry.listener, isSteady: entry.isSteady)
        }
    }
}
