/// The callbacks of a listener, and its state. Like the listener, all of it belongs to the loop's
/// thread.
extension UVListener {
    /// Called when the listener listens. It is called after ``startAccept()`` has returned, never
    /// within it.
    public var onListening: ((UVListener) -> Void)? {
        get { confined("UVListener.onListening").listeningCallback }
        set { confined("UVListener.onListening").listeningCallback = newValue }
    }

    /// Called when the listener could not listen, although ``startAccept()`` did not throw.
    ///
    /// The host was not found, the address is not one of this machine, or the port is taken.
    public var onFailed: ((UVListener, UVError) -> Void)? {
        get { confined("UVListener.onFailed").failureCallback }
        set { confined("UVListener.onFailed").failureCallback = newValue }
    }

    /// Called when a client has connected, before its first message.
    public var onConnected: ((UVConnection) -> Void)? {
        get { confined("UVListener.onConnected").events.onConnected }
        set { confined("UVListener.onConnected").events.onConnected = newValue }
    }

    /// Called when a client's connection has ended, with the reason.
    ///
    /// It is called exactly once for each client that connected. The client is not one of the
    /// ``clients`` any more.
    public var onDisconnected: ((UVConnection, UVEndReason) -> Void)? {
        get { confined("UVListener.onDisconnected").events.onDisconnected }
        set { confined("UVListener.onDisconnected").events.onDisconnected = newValue }
    }

    /// Called when a slow client can be sent more, or when nobody needs to wait for it any more.
    ///
    /// A client is slow when its queue has been above the high watermark. It can be sent more when
    /// the queue has fallen to the low watermark. Nobody needs to wait for it when it is closed,
    /// ends, or leaves a group. The call comes after the call that caused it has returned, and
    /// before ``onDisconnected``.
    public var onDrained: ((UVConnection) -> Void)? {
        get { confined("UVListener.onDrained").events.onDrained }
        set { confined("UVListener.onDrained").events.onDrained = newValue }
    }

    /// Called when a client has finished sending.
    ///
    /// It is called only if the options allow half-open connections.
    public var onPeerFinished: ((UVConnection) -> Void)? {
        get { confined("UVListener.onPeerFinished").events.onPeerFinished }
        set { confined("UVListener.onPeerFinished").events.onPeerFinished = newValue }
    }

    /// An object of your choice that you want to find at this listener. The listener retains it.
    public var userToken: AnyObject? {
        get { confined("UVListener.userToken").token }
        set { confined("UVListener.userToken").token = newValue }
    }

    /// The endpoint it listens on, with the real port where port 0 was asked for.
    ///
    /// It is the first of ``localEndpoints``. Nil while it does not listen.
    public var localEndpoint: UVEndpoint? {
        loop.confine("UVListener.localEndpoint")
        return boundEndpoints.first
    }

    /// All endpoints it listens on. Empty while it does not listen.
    ///
    /// There is one for each address of a name, and those for the `additionalEndpoints` of its
    /// options.
    public var localEndpoints: [UVEndpoint] {
        loop.confine("UVListener.localEndpoints")
        return boundEndpoints
    }

    /// How many times accepting has failed, or listening again after that.
    public var acceptFailures: Int {
        loop.confine("UVListener.acceptFailures")
        return failures
    }
}
