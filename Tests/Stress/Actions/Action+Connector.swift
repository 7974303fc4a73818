import UVSockets

extension Action {
    /// A call on a connector.
    private static func connector(
        _ name: String, _ body: @escaping @Sendable (World, UVConnector) -> Void
    ) -> Action {
        Action("UVConnector.\(name)") { world in
            guard let connector = world.connectors.pick(&world.random) else { return }
            body(world, connector)
        }
    }

    static let connectors: [Action] = [
        Action(
            "UVConnector.init(on:to:from:timeout:framing:options:reconnect:queueLimit:file:line:onMessageReceived:)"
        ) { world in
            guard world.kind != .bare else { return }
            let connector = UVConnector(
                on: world.loop, to: world.target(), from: world.random.localAddress(),
                timeout: world.random.milliseconds(1...500),
                framing: world.random.framing(), options: world.random.wild(.connector),
                reconnect: world.random.reconnect(),
                queueLimit: world.random.pick([0, 1000, UVConnector.defaultQueueLimit]),
                onMessageReceived: world.messageHandler(echo: 4))
            world.start(connector)
        },
        connector("startConnect()") { try? ($0, $1.startConnect()).1 },
        connector("cancel()") { _ = ($0, $1.cancel()) },
        connector("send(_:)-(Span<UInt8>)") { $1.send($0.random.message().span) },
        connector("send(_:)-([UInt8])") { $1.send($0.random.message()) },
        connector("send(_:)-(some Collection<UInt8>)") { $1.send($0.random.message()[...]) },
        connector("send(_:)-(some StringProtocol)") { _ = ($0, $1.send("text")) },
    ]

    static let connectorFacts: [Action] = [
        connector("connection") { world, connector in
            guard let connection = connector.connection else { return }
            world.expect(connection.listener == nil, "a connector's connection has no listener")
        },
        connector("endpoint") { _ = ($0, $1.endpoint) },
        connector("isWaiting") { world, connector in
            world.expect(
                !connector.isWaiting || connector.connection == nil, "who is connected waits not")
        },
        connector("loop") { $0.expect($1.loop === $0.loop, "it is of its loop") },
        connector("messagesDropped") { _ = ($0, $1.messagesDropped) },
        connector("messagesPending") { $0.expect($1.messagesPending >= 0, "it counts") },
        Action("UVConnector.cancellationGrace") {
            $0.expect(UVConnector.cancellationGrace > .zero, "a cancelled task may say goodbye")
        },
        Action("UVConnector.defaultQueueLimit") {
            $0.expect(UVConnector.defaultQueueLimit > 0, "there is room")
        },
        connector("onConnected") { $0.renew($1) { $0.onConnected = $0.onConnected } },
        connector("onDisconnected") { $0.renew($1) { $0.onDisconnected = $0.onDisconnected } },
        connector("onDrained") { $0.renew($1) { $0.onDrained = $0.onDrained } },
        connector("onPeerFinished") { $0.renew($1) { $0.onPeerFinished = $0.onPeerFinished } },
        connector("onFailed") { $0.renew($1) { $0.onFailed = $0.onFailed } },
        connector("onReconnecting") { $0.renew($1) { $0.onReconnecting = $0.onReconnecting } },
    ]
}

extension World {
    /// Gives a connector its callbacks and, usually, starts it.
    fileprivate func start(_ connector: UVConnector) {
        adopt(connector)
        if !random.once(in: 5) { try? connector.startConnect() }
    }

    /// Sets a connector's callbacks, to others that do the same or to themselves.
    fileprivate func renew(_ connector: UVConnector, _ sameAgain: (UVConnector) -> Void) {
        random.once(in: 2) ? sameAgain(connector) : setCallbacks(of: connector)
    }
}
