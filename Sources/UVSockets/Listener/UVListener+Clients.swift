extension UVListener {
    /// The clients whose sockets are open, in no particular order.
    ///
    /// This is a copy: clients may come and go while you iterate over it.
    public var clients: [UVConnection] {
        loop.confine("UVListener.clients")
        return clientTable.all
    }

    /// How many clients there may be at a time.
    public var maxConnections: Int { part.admissions.limit }

    /// Finds a client.
    ///
    /// - Parameter id: Its id.
    /// - Returns: The client. Nil if no present client has that id.
    public func client(_ id: UVConnection.ID) -> UVConnection? {
        loop.confine("UVListener.client")
        return clientTable[id]
    }

    /// Sends a client away.
    ///
    /// Everything that was sent to it before still reaches it. Then it is closed.
    ///
    /// - Parameter client: One of this listener's clients.
    public func kick(_ client: UVConnection) {
        loop.confine("UVListener.kick")
        client.close(.kicked)
    }

    /// Sends a client away, as ``kick(_:)-(UVConnection)`` does.
    ///
    /// - Parameter id: The client's id.
    /// - Returns: Whether there was a client with that id.
    @discardableResult
    public func kick(_ id: UVConnection.ID) -> Bool {
        guard let client = client(id) else { return false }
        kick(client)
        return true
    }
}
