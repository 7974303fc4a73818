/// The callbacks of a connector, and its state. Like the connector, all of it belongs to the loop's
/// thread.
extension UVConnector {
    /// The connection. Nil before there is one, and after it has ended.
    public var connection: UVConnection? {
        loop.confine("UVConnector.connection")
        return current
    }

    /// Called when it has connected, before the first message.
    ///
    /// Messages that you send here leave before the kept messages.
    public var onConnected: ((UVConnection) -> Void)? {
        get { confined("UVConnector.onConnected").events.onConnected }
        set { confined("UVConnector.onConnected").events.onConnected = newValue }
    }

    /// Called when the connection has ended, with the reason.
    ///
    /// It is called exactly once after each ``onConnected``. You may call ``startConnect()`` here.
    /// If the connector reconnects by itself, it already waits for the next attempt.
    public var onDisconnected: ((UVConnection, UVEndReason) -> Void)? {
        get { confined("UVConnector.onDisconnected").events.onDisconnected }
        set { confined("UVConnector.onDisconnected").events.onDisconnected = newValue }
    }

    /// Called when you may send more after you were told to wait.
    ///
    /// Either the connection's queue was above the high watermark and has fallen to the low one. Or
    /// the connection has taken the kept messages after there were many.
    public var onDrained: ((UVConnection) -> Void)? {
        get { confined("UVConnector.onDrained").events.onDrained }
        set { confined("UVConnector.onDrained").events.onDrained = newValue }
    }

    /// Called when the server has finished sending.
    ///
    /// It is called only if the options allow half-open connections.
    public var onPeerFinished: ((UVConnection) -> Void)? {
        get { confined("UVConnector.onPeerFinished").events.onPeerFinished }
        set { confined("UVConnector.onPeerFinished").events.onPeerFinished = newValue }
    }

    /// Called when it could not connect and does not try again, with the error of the last attempt.
    ///
    /// It is also called when the last attempt that ``UVReconnect/attempts`` allows made a
    /// connection that did not last. The error then has the code
    /// ``UVError/Code/connectionAborted``, and `onDisconnected` was called before.
    ///
    /// Messages that were kept for the connection are already dropped. ``messagesDropped`` counts
    /// them.
    public var onFailed: ((UVConnector, UVError) -> Void)? {
        get { confined("UVConnector.onFailed").failureCallback }
        set { confined("UVConnector.onFailed").failureCallback = newValue }
    }

    /// Called when it will try again, with the wait and the reason.
    ///
    /// The reason is ``UVEndReason/failed(_:)`` with the error if it could not connect. Otherwise
    /// it is the reason why the connection ended. In that case the call comes after
    /// `onDisconnected`.
    public var onReconnecting: ((UVConnector, Duration, UVEndReason) -> Void)? {
        get { confined("UVConnector.onReconnecting").reconnectCallback }
        set { confined("UVConnector.onReconnecting").reconnectCallback = newValue }
    }

    /// How many messages were kept for a connection and then dropped.
    ///
    /// They are dropped when the connector stops trying, or when `onConnected` has given the
    /// connection a framing that refuses them.
    public var messagesDropped: UInt64 {
        loop.confine("UVConnector.messagesDropped")
        return dropped
    }

    /// How many messages are kept for a connection now.
    public var messagesPending: Int {
        loop.confine("UVConnector.messagesPending")
        return kept.count
    }

    /// Whether it waits to try again.
    ///
    /// In `onDisconnected` it tells you whether another connection attempt follows.
    public var isWaiting: Bool {
        loop.confine("UVConnector.isWaiting")
        if case .waiting = state { return true }
        return false
    }
}
