internal import Logging

extension UVListener: ConnectionAgent {
    func connectionDidOpen(_ connection: UVConnection) {
        loop.running(.connected, origin, of: connection) { events.onConnected?(connection) }
        events.onBegun?(connection)
    }

    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {
        clientTable.leave(connection)
        if !clientTable.rooms.isEmpty { leaveRooms(connection) }
        past.add(connection, reason)
        ended.add(connection, reason)
        // A stop that starts in this client's own `onDisconnected` does not count it: by then it is
        // not one of the clients.
        if drain != nil {
            drain?.ended(connection)
            acceptCounts.countDrained(connection)
        }
        loop.logger.trace(
            "disconnected", metadata: ["client": "\(connection.id)", "reason": "\(reason)"])
        if !connection.state.isOpening {
            loop.running(.disconnected, origin, of: connection) {
                events.onDisconnected?(connection, reason)
            }
        }
        // From here on, another loop may have a client in its place.
        clientLeft(connection.peerAddress)
        finishDrain()
        accept()
    }

    func watchPeers() {
        guard peerWatch == nil, let keepAlive = events.options.keepAlive else { return }
        // If there is no memory for a timer, the next client tries again.
        peerWatch = try? PeerWatch(keepAlive, on: loop) { [clientTable] in clientTable.all }
    }

    /// Makes the layer between the wire and the framing of each client from now on. Nil means no
    /// layer.
    package var makeLayer: (() -> any WireLayer)? {
        get { events.makeLayer }
        set { events.makeLayer = newValue }
    }

    var countsLosses: Bool { drain != nil }
    /// Senders may be waiting for a slow client.
    var isToldOfSlowEnds: Bool { true }

    private func leaveRooms(_ client: UVConnection) {
        let rooms = clientTable.rooms.removeValue(forKey: client.id) ?? []
        for room in rooms { room.remove(client) }
    }
}

extension UVListener: LoopResident {
    func endWithLoop() {
        stop(drainFor: .zero)
    }
}
