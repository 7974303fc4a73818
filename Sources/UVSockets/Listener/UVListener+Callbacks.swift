/// What a listener tells, and how it stands. All of it is the loop's thread's, as the listener is.
extension UVListener {
    /// It listens now. Called later than ``startAccept()``, never within it.
    public var onListening: ((UVListener) -> Void)? {
        get {
            loop.confine("UVListener.onListening")
            return listeningCallback
        }
        set {
            loop.confine("UVListener.onListening")
            listeningCallback = newValue
        }
    }

    /// It could not listen, although ``startAccept()`` did not throw: the host was not found, or
    /// is not of this machine, or the port is taken.
    public var onFailed: ((UVListener, UVError) -> Void)? {
        get {
            loop.confine("UVListener.onFailed")
            return failureCallback
        }
        set {
            loop.confine("UVListener.onFailed")
            failureCallback = newValue
        }
    }

    /// A client has connected; before its first message.
    public var onConnected: ((UVConnection) -> Void)? {
        get {
            loop.confine("UVListener.onConnected")
            return events.onConnected
        }
        set {
            loop.confine("UVListener.onConnected")
            events.onConnected = newValue
        }
    }

    /// A client's connection has ended, and why; exactly once for each that connected. Then it is
    /// not one of the ``clients`` any more.
    public var onDisconnected: ((UVConnection, UVEndReason) -> Void)? {
        get {
            loop.confine("UVListener.onDisconnected")
            return events.onDisconnected
        }
        set {
            loop.confine("UVListener.onDisconnected")
            events.onDisconnected = newValue
        }
    }

    /// A client's queue has fallen to the low watermark after it was above the high one; or the
    /// client is closed, or ends, or leaves a group meanwhile, so that nobody need wait for it. Called
    /// when the call that has brought it about is over, before ``onDisconnected``.
    public var onDrained: ((UVConnection) -> Void)? {
        get {
            loop.confine("UVListener.onDrained")
            return events.onDrained
        }
        set {
            loop.confine("UVListener.onDrained")
            events.onDrained = newValue
        }
    }

    /// A client has finished sending; called only where the options allow half-open connections.
    public var onPeerFinished: ((UVConnection) -> Void)? {
        get {
            loop.confine("UVListener.onPeerFinished")
            return events.onPeerFinished
        }
        set {
            loop.confine("UVListener.onPeerFinished")
            events.onPeerFinished = newValue
        }
    }

    /// Anything you want to find again at this listener. The listener retains it.
    public var userToken: AnyObject? {
        get {
            loop.confine("UVListener.userToken")
            return token
        }
        set {
            loop.confine("UVListener.userToken")
            token = newValue
        }
    }

    /// Where it listens, with the port the system gave for port 0; nil while it does not. The first of
    /// ``localEndpoints``.
    public var localEndpoint: UVEndpoint? {
        loop.confine("UVListener.localEndpoint")
        return boundEndpoints.first
    }

    /// Everywhere it listens: at each address of a name, and at the `additionalEndpoints` of its options.
    /// Empty while it does not.
    public var localEndpoints: [UVEndpoint] {
        loop.confine("UVListener.localEndpoints")
        return boundEndpoints
    }

    /// How many times accepting, or listening again after that, has failed.
    public var acceptFailures: Int {
        loop.confine("UVListener.acceptFailures")
        return failures
    }
}
