internal import Logging

/// The client side: it connects to a server and owns the socket.
///
/// Nothing else calls this socket.
///
///     let connector = UVConnector(on: loop, to: "localhost:8081") { server, message in
///         print(String(message: message))
///     }
///     connector.onConnected = { $0.send("hello\n") }
///     try connector.startConnect()
///     loop.run()
///
/// A name is looked up on a separate thread. Its addresses are tried as in Happy Eyeballs (RFC
/// 8305): the two address families take turns, and the next address starts after 250 ms, or sooner
/// if one fails. The first address that connects becomes the connection.
///
/// With a ``UVReconnect`` it tries again when it could not connect, and when its connection has
/// ended, until you end it. Meanwhile ``send(_:)-(Span<UInt8>)`` keeps messages. See
/// <doc:StayingConnected>.
///
/// The connector and its callbacks belong to the loop's thread. So callbacks may use the connector,
/// its connection and your own state without a lock. While it connects, is connected, or waits to
/// try again, the connector stays alive and keeps the loop running, whether you keep it or not.
public final class UVConnector {
    /// How many bytes of messages a connector keeps by default: 256 KiB.
    public static let defaultQueueLimit = 256 * 1024

    /// The loop it belongs to.
    public let loop: UVLoop
    /// Where the user has made it; nil for one of an async client.
    let origin: Origin?

    // The state behind the public properties in `UVConnector+Callbacks.swift`.
    var current: UVConnection?
    var dropped: UInt64 = 0
    var failureCallback: ((UVConnector, UVError) -> Void)?
    var reconnectCallback: ((UVConnector, Duration, UVEndReason) -> Void)?

    let events: ConnectionEvents
    let settings: ConnectSettings
    var kept: PendingMessages
    /// Whether a sender was told to wait and still expects ``onDrained``.
    var owesDrained = false
    var state = State.idle
    var backoff: Backoff?
    /// The random numbers for the lengths of the waits.
    var random: any RandomNumberGenerator = SystemRandomNumberGenerator()
    /// Whether another attempt may follow. It is false before the first attempt and after
    /// ``cancel()``.
    var isTrying = false
    private var nextID: UVConnection.ID = 1
    /// Finds a server that has vanished, while there is a connection.
    var peerWatch: PeerWatch?

    enum State {
        case idle
        case connecting(ConnectAttempt)
        case connected
        case waiting(TimerHandle)
    }

    /// Makes a connector. It does nothing until ``startConnect()``.
    ///
    /// - Parameters:
    ///   - loop: The loop that the connector belongs to.
    ///   - endpoint: The server to connect to. A name is looked up again for each attempt.
    ///   - local: The address of this machine to connect from, such as `192.0.2.7:0`. Port 0 lets
    ///     the system choose the port. Only the server's addresses of the same family are tried.
    ///     Nil, the default, lets the system choose everything. A name is refused, and so is any
    ///     local address for a Unix-domain socket.
    ///   - timeout: How long one attempt may take, with the lookup and all addresses.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the connection behaves.
    ///   - reconnect: How to try again. Nil means not to.
    ///   - queueLimit: How many bytes ``send(_:)-(Span<UInt8>)`` keeps while there is no
    ///     connection. Each message counts 8 bytes more. Messages over the limit are not taken.
    ///   - file: The file of the call. What is said about the connector names it.
    ///   - line: The line of the call.
    ///   - onMessageReceived: Called with each message of the server: whole, and without its
    ///     framing. With `.raw` it gets the bytes as they came. The message is valid during the
    ///     call; the compiler does not let you keep it.
    public convenience init(
        on loop: UVLoop, to endpoint: UVEndpoint, from local: UVEndpoint? = nil,
        timeout: Duration = .seconds(10),
        framing: UVFraming = .raw, options: UVConnectionOptions = .connector,
        reconnect: UVReconnect? = nil, queueLimit: Int = defaultQueueLimit,
        file: StaticString = #fileID, line: UInt = #line,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(
            loop,
            ConnectSettings(
                endpoint: endpoint, local: local, timeout: timeout, framing: framing,
                options: options,
                reconnect: reconnect, queueLimit: queueLimit),
            Origin(file, line), onMessageReceived)
    }

    init(
        _ loop: UVLoop, _ settings: ConnectSettings, _ origin: Origin? = nil,
        _ onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        loop.confineOpen("UVConnector.init")
        self.loop = loop
        self.settings = settings
        self.origin = origin
        if let network = loop.network { random = network.random.split() }
        kept = PendingMessages(limit: settings.queueLimit)
        backoff = settings.reconnect.map { Backoff($0) }
        events = ConnectionEvents(
            settings.options, settings.framing, onMessageReceived: onMessageReceived)
        loop.timeHandlers(of: events)
    }

    /// The server it connects to.
    public var endpoint: UVEndpoint { settings.endpoint }

    // MARK: - The connect cycle

    /// Starts to connect.
    ///
    /// Does nothing if it is connecting or connected already. If it waits to try again, it tries at
    /// once.
    ///
    /// Later, and never within this call, ``onConnected`` or ``onFailed`` is called, unless you
    /// call ``cancel()`` first. ``onReconnecting`` may be called before them. After a failure, or
    /// after the connection has ended, you may start it again.
    ///
    /// - Throws: ``UVError`` if it cannot begin at all: the host cannot be a name, the local
    ///   address is not an address, or the system refuses either address at once. With a
    ///   ``UVReconnect``, an address that is refused counts as a failed attempt instead.
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

    /// The attempt has made a connection.
    func join(_ socket: StreamHandle, _ peer: SocketAddress) {
        socket.setOptions(noDelay: events.options.noDelay, keepAlive: events.options.keepAlive)
        let server = UVConnection(socket, peer: peer, id: nextID, of: self, events)
        nextID += 1
        current = server
        if let keepAlive = events.options.keepAlive {
            // If there is no memory for a timer, only the kernel finds a server that has vanished.
            peerWatch = try? PeerWatch(keepAlive, on: loop) { [server] }
        }
        loop.logger.trace("connected", metadata: ["server": "\(server.peer)"])
        server.begin()
    }

    /// Ends the attempt to connect, or the wait for the next one.
    ///
    /// It does not call ``onFailed``. It does nothing if neither is in progress. Kept messages are
    /// dropped. An existing connection stays, but no other one follows it.
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

    /// Ends trying: no attempt follows.
    private func stop() {
        isTrying = false
        endAttempt()
        if current == nil { dropKept() }
    }
}
