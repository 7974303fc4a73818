extension UVConnector {
    /// It has connected; before the first message. What is sent here leaves before the messages that
    /// were kept.
    public var onConnected: ((UVConnection) -> Void)? {
        get { events.onConnected }
        set { events.onConnected = newValue }
    }

    /// The connection has ended, and why; exactly once after each ``onConnected``. It may be
    /// connected again from here. Where it reconnects by itself it waits already.
    public var onDisconnected: ((UVConnection, UVEndReason) -> Void)? {
        get { events.onDisconnected }
        set { events.onDisconnected = newValue }
    }

    /// The connection's queue has fallen to the low watermark after it was above the high one; or
    /// it has taken what was kept, after that was much.
    public var onDrained: ((UVConnection) -> Void)? {
        get { events.onDrained }
        set { events.onDrained = newValue }
    }

    /// The server has finished sending; called only where the options allow half-open connections.
    public var onPeerFinished: ((UVConnection) -> Void)? {
        get { events.onPeerFinished }
        set { events.onPeerFinished = newValue }
    }
}
