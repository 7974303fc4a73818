internal import Logging

/// The client's agent: it owns the socket, and nobody else calls it.
///
///     let connector = UVConnector(on: loop, to: "localhost:8081") { server, message in
///         print(String(message: message))
///     }
///     connector.onConnected = { $0.send("hello\n") }
///     try connector.startConnect()
///     loop.run()
///
/// A name is looked up on a thread of its own, and its addresses are tried as Happy Eyeballs has it (RFC 8305):
/// one of each family in turn, the next after 250 ms, or sooner where one fails. The first that
/// connects is the connection.
///
/// With a ``UVReconnect`` it tries again where it could not connect and after its connection has
/// ended, until you end it; and meanwhile ``send(_:)-(Span<UInt8>)`` keeps messages. See
/// <doc:StayingConnected>.
///
/// All of it belongs to the loop's thread, and so do the callbacks: they may use the connector, its
/// connection and your own state without a lock. The connector lives, and keeps the loop running,
/// while it connects, is connected, or waits to try again, whether or not you keep it.
public final class UVConnector {
    /// How many bytes of messages a connector keeps, unless it is told otherwise: 256 KiB.
    public static let defaultQueueLimit = 256 * 1024

    /// The loop it belongs to.
    public let loop: UVLoop

    // What the callbacks' file shows to users.
    var current: UVConnection?
    var dropped: UInt64 = 0
    var failureCallback: ((UVConnector, UVError) -> Void)?
    var reconnectCallback: ((UVConnector, Duration, UVEndReason) -> Void)?

    let events: ConnectionEvents
    let settings: ConnectSettings
    var kept: PendingMessages
    /// Whether somebody was told to hold back, and waits for ``onDrained``.
    var owesDrained = false
    var state = State.idle
    var backoff: Backoff?
    /// Where the waits' lengths come from.
    var random: any RandomNumberGenerator = SystemRandomNumberGenerator()
    /// Whether another attempt may follow. False before the first and after ``cancel()``.
    var isTrying = false
    private var nextID: UVConnection.ID = 1
    /// Finds a server that is gone, while there is a connection.
    var peerWatch: PeerWatch?

    enum State {
        case idle
        case connecting(ConnectAttempt)
        case connected
        case waiting(TimerHandle)
    }

    /// Makes a connector, which does nothing until ``startConnect()``.
    ///
    /// - Parameters:
    ///   - loop: The loop it is to belong to.
    ///   - endpoint: Whom to connect to. A name is looked up anew for each attempt.
    ///   - local: The address of this machine to connect from, such as `192.0.2.7:0`. Port 0 lets the
    ///     system choose the port. Of the server's addresses those of the same family are tried. nil,
    ///     the default, leaves all of it to the system. A name is refused, and so is any address for a
    ///     Unix-domain socket.
    ///   - timeout: How long an attempt may take: the lookup and all addresses together.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How its connection behaves.
    ///   - reconnect: How to try again; nil does not.
    ///   - queueLimit: How many bytes ``send(_:)-(Span<UInt8>)`` keeps while there is no
    ///     connection, counting 8 more for each message. Those beyond it are not taken.
    ///   - onMessageReceived: What to do with a message of the server: whole, and without what frames
    ///     it; with `.raw`, the bytes that came. It is valid during the call; the compiler refuses to
    ///     keep it.
    public convenience init(
        on loop: UVLoop, to endpoint: UVEndpoint, from local: UVEndpoint? = nil,
        timeout: Duration = .seconds(10),
        framing: UVFraming = .raw, options: UVConnectionOptions = .connector,
        reconnect: UVReconnect? = nil, queueLimit: Int = defaultQueueLimit,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(
            loop,
            ConnectSettings(
                endpoint: endpoint, local: local, timeout: timeout, framing: framing,
                options: options,
                reconnect: reconnect, queueLimit: queueLimit),
            onMessageReceived)
    }

    init(
        _ loop: UVLoop, _ settings: ConnectSettings,
        _ onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        loop.confineOpen("UVConnector.init")
        self.loop = loop
        self.settings = settings
        if let network = loop.network { random = network.random.split() }
        kept = PendingMessages(limit: settings.queueLimit)
        backoff = settings.reconnect.map { Backoff($0) }
        events = ConnectionEvents(
            settings.options, settings.framing, onMessageReceived: onMessageReceived)
    }

    /// Whom it connects to.
    public var endpoint: UVEndpoint { settings.endpoint }

    // MARK: - The connect cycle

    /// Starts to connect; nothing where it is connecting or connected already. Where it waits to try
    /// again, it tries at once.
    ///
    /// Either ``onConnected`` or ``onFailed`` is called later, or ``onReconnecting`` before them,
    /// never within this call, unless ``cancel()`` comes first. After a failure, or an end of the
    /// connection, it may be started again.
    ///
    /// - Throws: ``UVError`` where it cannot even begin: the host cannot be a name, the local address
    ///   is none, or the system refuses either address at once. With a ``UVReconnect`` the latter is a failed attempt like
    ///   others.
    public func startConnect() throws(UVError) {
        loop.confineOpen("UVConnector.startConnect")
        switch state {
        case .connecting, .connected: isTrying = true
        case .waiting(let timer):
            timer.close()
            try begin()
        case .idle:
            backoff?.reset()
            try begin()
        }
    }

    private func begin() throws(UVError) {
        do throws(UVError) {
            isTrying = true
            state = .idle
            try startAttempt()
        } catch {
            stop()
            throw error
        }
    }

    /// The cycle has brought a connection.
    func join(_ socket: StreamHandle, _ peer: SocketAddress) {
        socket.setOptions(noDelay: events.options.noDelay, keepAlive: events.options.keepAlive)
        let server = UVConnection(socket, peer: peer, id: nextID, of: self, events)
        nextID += 1
        current = server
        if let keepAlive = events.options.keepAlive {
            // Without memory for a timer, the kernel alone finds a server that is gone.
            peerWatch = try? PeerWatch(keepAlive, on: loop) { [server] }
        }
        loop.logger.trace("connected", metadata: ["server": "\(server.peer)"])
        server.begin()
    }

    /// Ends the attempt to connect, or the wait for the next, without a call to ``onFailed``; nothing
    /// where neither is under way. Messages that were kept are dropped. A connection that there is
    /// already is not affected, but no other will follow it.
    public func cancel() {
        loop.confine("UVConnector.cancel")
        stop()
    }

    // MARK: - Failures

    func fail(_ error: UVError) {
        loop.logger.debug("\(error)")
        endAttempt()
        tell(scheduleNext(), .failed(error))
    }

    private func endAttempt() {
        switch state {
        case .connecting(let attempt): attempt.end()
        case .waiting(let timer): timer.close()
        case .idle, .connected: return
        }
        state = .idle
    }

    /// No other attempt follows.
    private func stop() {
        isTrying = false
        endAttempt()
        if current == nil { dropKept() }
    }
}
