internal import Logging

extension UVListener: ConnectionAgent {
    func connectionDidOpen(_ connection: UVConnection) {
        events.onConnected?(connection)
        events.onBegun?(connection)
    }

    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {
        clientTable.leave(connection)
        if !clientTable.rooms.isEmpty { leaveRooms(connection) }
        past.add(connection, reason)
        // Not of a stop that its own callback begins: by then it is none of the clients.
        if drain != nil { drain?.ended(connection) }
        loop.logger.trace(
            "disconnected", metadata: ["client": "\(connection.id)", "reason": "\(reason)"])
        if !connection.state.isOpening { events.onDisconnected?(connection, reason) }
        // Another loop may have a client in its place from here on.
        clientLeft(connection.peerAddress)
        finishDrain()
        accept()
    }

    func watchPeers() {
        guard peerWatch == nil, let keepAlive = events.options.keepAlive else { return }
        // Where there is no memory for a timer, the next client tries again.
        peerWatch = try? PeerWatch(keepAlive, on: loop) { [clientTable] in clientTable.all }
    }

    /// Makes what stands between the wire and the framing of each client from here on; nil for nothing.
    package var makeLayer: (() -> any WireLayer)? {
        get { events.makeLayer }
        set { events.makeLayer = newValue }
    }

    var countsLosses: Bool { drain != nil }
    /// Others may wait for a slow client.
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
