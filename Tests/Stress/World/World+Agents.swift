import UVSockets

/// The callbacks that the stress gives to listeners and connectors: each checks, then calls members at
/// random.
extension World {
    typealias MessageHandler = (UVConnection, Span<UInt8>) -> Void

    // MARK: - Listeners

    /// Gives a listener its callbacks, and adds it to those that may be called.
    func adopt(_ listener: UVListener, _ owner: ListenerEntry.Owner, isSteady: Bool = false) {
        setCallbacks(of: listener, isSteady: isSteady)
        add(ListenerEntry(listener, owner, isSteady: isSteady))
    }

    private func add(_ entry: ListenerEntry) {
        guard let oldest = listeners.add(entry) else { return }
        // The steady one stays, and a server's is stopped with the server.
        if oldest.isSteady { return add(oldest) }
        if oldest.owner == .world { stop(oldest) }
    }

    func setCallbacks(of listener: UVListener, isSteady: Bool) {
        listener.onConnected = connected(isSteady: isSteady)
        listener.onDisconnected = disconnected()
        listener.onDrained = drained()
        listener.onPeerFinished = peerFinished()
        listener.onListening = { [self] listener in listens(listener, isSteady: isSteady) }
        listener.onFailed = { [self] _, _ in callback("UVListener.onFailed") {} }
    }

    private func listens(_ listener: UVListener, isSteady: Bool) {
        guard let endpoint = listener.localEndpoint else {
            fault("it listens, and has no local endpoint")
        }
        if isSteady {
            scene.steadyEndpoints.withLock { $0.append(endpoint) }
        } else {
            scene.endpoints.withLock { _ = $0.add(endpoint) }
        }
        act()
    }

    /// Stops a listener, once; its completion must come once, too.
    func stop(_ entry: ListenerEntry) {
        entry.isStopped = true
        openStops += 1
        var isOpen = true
        entry.listener.stop(
            drainFor: random.milliseconds(0...200), goodbye: random.once(in: 2) ? [] : random.line()
        ) { [self] _ in
            guard isOpen else { fault("the completion of a stop is called twice") }
            isOpen = false
            openStops -= 1
            act()
        }
    }

    // MARK: - Connectors

    /// Gives a connector its callbacks, and adds it to those that may be called.
    func adopt(_ connector: UVConnector) {
        setCallbacks(of: connector)
        if let oldest = connectors.add(connector) { end(oldest) }
    }

    func setCallbacks(of connector: UVConnector) {
        connector.onConnected = connected(isSteady: false)
        connector.onDisconnected = disconnected()
        connector.onDrained = drained()
        connector.onPeerFinished = peerFinished()
        connector.onFailed = { [self] _, _ in callback("UVConnector.onFailed") {} }
        connector.onReconnecting = { [self] _, _, _ in callback("UVConnector.onReconnecting") {} }
    }

    /// Ends a connector for good.
    func end(_ connector: UVConnector) {
        connector.cancel()
        connector.connection?.reset()
        connector.cancel()
    }

    // MARK: - Both

    /// Sees to it that there are some of both, whatever chance brings.
    func keepUp() {
        let open = listeners.all.filter { $0.owner == .world && !$0.isStopped && !$0.isSteady }
        if open.count < 2, let make = Action.listeners.first { perform(make) }
        if connectors.all.count < 6, let make = Action.connectors.first { perform(make) }
        if let connector = connectors.pick(&random), connector.connection == nil {
            try? connector.startConnect()
        }
    }

    // MARK: - Connections

    func connected(isSteady: Bool) -> (UVConnection) -> Void {
        { [self] connection in
            called("onConnected")
            began(connection, isSteady: isSteady)
            if !isSteady, random.once(in: 2) { connection.send(random.line()) }
            act()
        }
    }

    func disconnected() -> (UVConnection, UVEndReason) -> Void {
        { [self] connection, reason in
            called("onDisconnected")
            ended(connection, reason)
            act()
        }
    }

    private func drained() -> (UVConnection) -> Void {
        { [self] connection in
            record(of: connection, in: "onDrained")
            act()
        }
    }

    private func peerFinished() -> (UVConnection) -> Void {
        { [self] connection in
            let record = record(of: connection, in: "onPeerFinished")
            if record.isSteady || random.once(in: 2) { connection.finish() }
            act()
        }
    }

    /// What is done with a message: one in so many is sent back.
    func messageHandler(echo times: Int) -> MessageHandler {
        { [self] connection, message in
            record(of: connection, in: "onMessageReceived")
            if random.once(in: times) { connection.send(message) }
            if random.once(in: 2) { act() }
        }
    }
}
