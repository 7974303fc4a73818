/// What a connector tells, and how it stands. All of it is the loop's thread's, as the connector is.
extension UVConnector {
    /// The connection; nil before there is one and after it has ended.
    public var connection: UVConnection? {
        loop.confine("UVConnector.connection")
        return current
    }

    /// It has connected; before the first message. What is sent here leaves before the messages that
    /// were kept.
    public var onConnected: ((UVConnection) -> Void)? {
        get {
            loop.confine("UVConnector.onConnected")
            return events.onConnected
        }
        set {
            loop.confine("UVConnector.onConnected")
            events.onConnected = newValue
        }
    }

    /// The connection has ended, and why; exactly once after each ``onConnected``. It may be
    /// connected again from here. Where it reconnects by itself it waits already.
    public var onDisconnected: ((UVConnection, UVEndReason) -> Void)? {
        get {
            loop.confine("UVConnector.onDisconnected")
            return events.onDisconnected
        }
        set {
            loop.confine("UVConnector.onDisconnected")
            events.onDisconnected = newValue
        }
    }

    /// The connection's queue has fallen to the low watermark after it was above the high one; or
    /// it has taken what was kept, after that was much.
    public var onDrained: ((UVConnection) -> Void)? {
        get {
            loop.confine("UVConnector.onDrained")
            return events.onDrained
        }
        set {
            loop.confine("UVConnector.onDrained")
            events.onDrained = newValue
        }
    }

    /// The server has finished sending; called only where the options allow half-open connections.
    public var onPeerFinished: ((UVConnection) -> Void)? {
        get {
            loop.confine("UVConnector.onPeerFinished")
            return events.onPeerFinished
        }
        set {
            loop.confine("UVConnector.onPeerFinished")
            events.onPeerFinished = newValue
        }
    }

    /// It could not connect, and does not try again: the last error of those that its attempts ended
    /// with.
    ///
    /// Also where the last of the attempts that ``UVReconnect/attempts`` allows has brought a
    /// connection that did not last. The error then has the code
    /// ``UVError/Code/connectionAborted``, and `onDisconnected` was called before.
    ///
    /// Messages that were kept for the connection are dropped by then; ``messagesDropped`` counts
    /// them.
    public var onFailed: ((UVConnector, UVError) -> Void)? {
        get {
            loop.confine("UVConnector.onFailed")
            return failureCallback
        }
        set {
            loop.confine("UVConnector.onFailed")
            failureCallback = newValue
        }
    }

    /// It will try again after the time, because it could not connect (``UVEndReason/failed(_:)``,
    /// with the error) or because its connection has ended. The latter comes after `onDisconnected`.
    public var onReconnecting: ((UVConnector, Duration, UVEndReason) -> Void)? {
        get {
            loop.confine("UVConnector.onReconnecting")
            return reconnectCallback
        }
        set {
            loop.confine("UVConnector.onReconnecting")
            reconnectCallback = newValue
        }
    }

    /// How many messages were kept for a connection and then dropped: because trying has ended, or
    /// because `onConnected` has given the connection a framing that refuses them.
    public var messagesDropped: UInt64 {
        loop.confine("UVConnector.messagesDropped")
        return dropped
    }

    /// How many messages are kept for a connection.
    public var messagesPending: Int {
        loop.confine("UVConnector.messagesPending")
        return kept.count
    }

    /// Whether it waits to try again. In `onDisconnected` it tells whether another connection is to
    /// follow.
    public var isWaiting: Bool {
        loop.confine("UVConnector.isWaiting")
        if case .waiting = state { return true }
        return false
    }
}
