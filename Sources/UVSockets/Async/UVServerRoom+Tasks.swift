extension UVServerRoom {
    /// Adds a client to the room.
    ///
    /// On the client's loop it takes effect at once, otherwise in one of the loop's next turns. It
    /// does nothing if the client is a member already, has ended, or is not one of the server's.
    ///
    /// - Parameter client: The client.
    public func join(_ client: UVAsyncConnection) {
        onLoop(of: client) { [name] in $0.join($1, roomNamed: name) }
    }

    /// Removes a client from the room.
    ///
    /// On the client's loop it takes effect at once, otherwise in one of the loop's next turns. It
    /// does nothing if the client is not a member.
    ///
    /// - Parameter client: The client.
    public func leave(_ client: UVAsyncConnection) {
        onLoop(of: client) { [name] in $0.clientTable.named[name]?.leave($1) }
    }

    private func onLoop(
        of client: UVAsyncConnection, _ body: @escaping @Sendable (UVListener, UVConnection) -> Void
    ) {
        let change: @Sendable () -> Void = { [server] in
            server.part(of: client.base).map { body($0, client.base) }
        }
        if client.loop.isOnLoop { change() } else { client.loop.submitAlways(change) }
    }
}
