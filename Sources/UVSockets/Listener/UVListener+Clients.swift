extension UVListener {
    /// A client has connected; before its first message.
    public var onConnected: ((UVConnection) -> Void)? {
        get { events.onConnected }
        set { events.onConnected = newValue }
    }

    /// A client's connection has ended, and why; exactly once for each that connected. Then it is
    /// not one of the ``clients`` any more.
    public var onDisconnected: ((UVConnection, UVEndReason) -> Void)? {
        get { events.onDisconnected }
        set { events.onDisconnected = newValue }
    }

    /// A client's queue has fallen to the low watermark after it was above the high one; or the
    /// client is closed, or ends, or leaves a group meanwhile, so that nobody need wait for it. Called
    /// when the call that has brought it about is over, before ``onDisconnected``.
    public var onDrained: ((UVConnection) -> Void)? {
        get { events.onDrained }
        set { events.onDrained = newValue }
    }

    /// A client has finished sending; called only where the options allow half-open connections.
    public var onPeerFinished: ((UVConnection) -> Void)? {
        get { events.onPeerFinished }
        set { events.onPeerFinished = newValue }
    }

    /// The clients whose sockets are open, in no particular order. A copy: clients may come and go
    /// while you go through it.
    public var clients: [UVConnection] {
        loop.confine("UVListener.clients")
        return clientTable.all
    }

    /// How many clients there may be at a time.
    public var maxConnections: Int { part.admissions.limit }

    /// Finds a client.
    ///
    /// - Parameter id: Its id.
    /// - Returns: The client; nil where there is none of that id any more.
    public func client(_ id: UVConnection.ID) -> UVConnection? {
        loop.confine("UVListener.client")
        return clientTable[id]
    }

    /// Sends a client away: what was sent to it before still reaches it, then it is closed.
    ///
    /// - Parameter client: One of this listener's clients.
    public func kick(_ client: UVConnection) {
        loop.confine("UVListener.kick")
        client.close(.kicked)
    }

    /// Sends a client away, as ``kick(_:)-(UVConnection)`` does.
    ///
    /// - Parameter id: The client's id.
    /// - Returns: Whether there was one.
    @discardableResult
    public func kick(_ id: UVConnection.ID) -> Bool {
        guard let client = client(id) else { return false }
        kick(client)
        return true
    }
}
