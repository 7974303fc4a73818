internal import Logging

/// The client's agent: it owns the socket, and nobody else calls it.
///
///     let connector = UVConnector(on: loop, to: "localhost:8081") { server, message in
///         print(String(decoding: message))
///     }
///     connector.onConnected = { $0.send("hello\n") }
///     try connector.startConnect()
///     loop.run()
///
/// All of it belongs to the loop's thread, and so do the callbacks: they may use the connector, its
/// connection and your own state without a lock. The connector lives until its connection has
/// ended, whether or not you keep it.
public final class UVConnector {
    /// The loop it belongs to.
    public let loop: UVLoop
    /// Whom it connects to.
    public let endpoint: UVEndpoint
    /// The connection; nil before there is one and after it has ended.
    public private(set) var connection: UVConnection?

    /// It could not connect: the last error of those that its attempts ended with.
    public var onFailed: ((UVConnector, UVError) -> Void)?

    private let handlers: ConnectionHandlers
    private let deadline: Duration
    private var state = State.idle
    private var nextID: UVConnection.ID = 1

    private enum State {
        case idle
        case connecting(Attempt)
        case connected
    }

    /// What a connector holds while it tries to connect.
    private final class Attempt {
        let connector: UVConnector
        let deadline: TimerHandle
        var lookup: LookupRequest?
        var addresses: ArraySlice<SocketAddress> = []
        /// The address that is being tried, and the socket it is tried with.
        var address: SocketAddress?
        var socket: TCPHandle?
        /// How the address before it failed.
        var error: UVError?

        init(_ connector: UVConnector) throws(UVError) {
            self.connector = connector
            deadline = try TimerHandle(on: connector.loop) { connector.deadlinePassed() }
        }
    }

    /// Makes a connector, which does nothing until ``startConnect()``.
    ///
    /// - Parameters:
    ///   - loop: The loop it is to belong to.
    ///   - endpoint: Whom to connect to. A name is looked up on the loop, and its addresses are
    ///     tried in turn.
    ///   - deadline: How long the lookup and all attempts together may take.
    ///   - options: How its connection behaves.
    ///   - onMessageReceived: What to do with the bytes of the server. They are valid during the
    ///     call; the compiler refuses to keep them.
    public convenience init(
        on loop: UVLoop, to endpoint: UVEndpoint, deadline: Duration = .seconds(10),
        options: UVConnectionOptions = .connector,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(loop, endpoint, deadline, nil, options, onMessageReceived)
    }

    /// Makes a connector whose connection sends and receives messages of a framing.
    ///
    /// - Parameters:
    ///   - loop: The loop it is to belong to.
    ///   - endpoint: Whom to connect to.
    ///   - deadline: How long the lookup and all attempts together may take.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How its connection behaves.
    ///   - onMessageReceived: What to do with a message of the server, which is whole, and without
    ///     what frames it. It is valid during the call; the compiler refuses to keep it.
    public convenience init(
        on loop: UVLoop, to endpoint: UVEndpoint, deadline: Duration = .seconds(10),
        framing: some FrameCodec, options: UVConnectionOptions = .connector,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(loop, endpoint, deadline, framing, options, onMessageReceived)
    }

    init(
        _ loop: UVLoop, _ endpoint: UVEndpoint, _ deadline: Duration, _ codec: (any FrameCodec)?,
        _ options: UVConnectionOptions,
        _ onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        loop.confine("UVConnector.init")
        self.loop = loop
        self.endpoint = endpoint
        self.deadline = deadline
        handlers = ConnectionHandlers(options, codec, onMessageReceived: onMessageReceived)
    }

    // MARK: - The connect cycle

    /// Starts to connect; nothing where it is connecting or connected already.
    ///
    /// Either ``onConnected`` or ``onFailed`` is called later, never within this call, unless
    /// ``cancel()`` comes first. After a failure, or an end of the connection, it may be started
    /// again.
    ///
    /// - Throws: ``UVError`` where it cannot even begin: the host cannot be a name, or the system
    ///   refuses the address at once.
    public func startConnect() throws(UVError) {
        loop.confine("UVConnector.startConnect")
        guard case .idle = state else { return }
        let attempt = try Attempt(self)
        state = .connecting(attempt)
        attempt.deadline.start(after: deadline)
        do throws(UVError) {
            if let address = SocketAddress(endpoint) {
                try startConnect(attempt, to: [address])
            } else {
                attempt.lookup = try LookupRequest(endpoint, isPassive: false, on: loop) {
                    self.lookedUp($0)
                }
            }
        } catch {
            giveUp()
            throw error
        }
    }

    private func lookedUp(_ result: Result<[SocketAddress], UVError>) {
        guard case .connecting(let attempt) = state else { return }
        attempt.lookup = nil
        do throws(UVError) {
            try startConnect(attempt, to: try result.get())
        } catch {
            fail(error)
        }
    }

    /// Takes the cycle's first turn: the shuttle is made, once, and given its request.
    private func startConnect(
        _ attempt: Attempt, to addresses: [SocketAddress]
    ) throws(UVError) {
        attempt.addresses = addresses[...]
        let args = SocketEventArgs(userToken: attempt, buffer: loop.receiveBuffer) { args in
            guard let attempt = args.userToken as? Attempt else { return }
            attempt.connector.onConnectCompleted(args, attempt)
        }
        try connect(args, attempt)
    }

    /// Asks for a connection to the next address; where one is refused at once, to the next but one.
    private func connect(_ args: SocketEventArgs, _ attempt: Attempt) throws(UVError) {
        while let address = attempt.addresses.popFirst() {
            let socket = try TCPHandle(on: loop)
            attempt.address = address
            attempt.socket = socket
            let pending = socket.connect(to: address, args)
            if pending { return }
            attemptFailed(attempt, args.error ?? .connectionRefused)
        }
        throw attempt.error ?? UVError(call: "connect", subject: "\(endpoint)", code: .unknownHost)
    }

    private func onConnectCompleted(_ args: SocketEventArgs, _ attempt: Attempt) {
        // An attempt that was given up ends as cancelled, when another may be under way.
        guard case .connecting(let current) = state, current === attempt,
            let socket = attempt.socket
        else { return }
        // The peer's address is asked for because libuv does not check how it learns of the outcome.
        if args.error == nil, let peer = socket.peerAddress {
            attempt.deadline.close()
            state = .connected
            return join(socket, peer)
        }
        attemptFailed(attempt, args.error ?? .notConnected)
        do throws(UVError) {
            try connect(args, attempt)
        } catch {
            fail(error)
        }
    }

    private func join(_ socket: TCPHandle, _ peer: SocketAddress) {
        socket.setNoDelay(handlers.options.noDelay)
        socket.setKeepAlive(handlers.options.keepAlive)
        let server = UVConnection(socket, peer: peer, id: nextID, of: self, handlers)
        nextID += 1
        connection = server
        loop.logger.trace("connected", metadata: ["server": "\(peer.endpoint)"])
        handlers.onConnected?(server)
        server.startReceive()
    }

    /// Ends the attempt to connect, without a call to ``onFailed``; nothing where none is under
    /// way. A connection that there is already is not affected.
    public func cancel() {
        loop.confine("UVConnector.cancel")
        giveUp()
    }

    // MARK: - Failures

    /// One address is given up.
    private func attemptFailed(_ attempt: Attempt, _ code: UVError.Code) {
        let subject = attempt.address?.endpoint ?? endpoint
        attempt.error = UVError(call: "connect", subject: "\(subject)", code: code)
        attempt.socket?.close()
        attempt.socket = nil
    }

    private func deadlinePassed() {
        guard case .connecting(let attempt) = state else { return }
        fail(
            UVError(
                call: attempt.lookup == nil ? "connect" : "look up",
                subject: "\(attempt.address?.endpoint ?? endpoint)", code: .timedOut,
                reason: "no answer within \(deadline)"))
    }

    private func fail(_ error: UVError) {
        giveUp()
        loop.logger.debug("\(error)")
        onFailed?(self, error)
    }

    private func giveUp() {
        guard case .connecting(let attempt) = state else { return }
        state = .idle
        attempt.deadline.close()
        attempt.lookup?.cancel()
        attempt.socket?.close()
    }
}

// MARK: - Callbacks

extension UVConnector: ConnectionHost {
    /// It has connected; before the first message.
    public var onConnected: ((UVConnection) -> Void)? {
        get { handlers.onConnected }
        set { handlers.onConnected = newValue }
    }

    /// The connection has ended, and why; exactly once after each ``onConnected``. It may be
    /// connected again from here.
    public var onDisconnected: ((UVConnection, UVEndReason) -> Void)? {
        get { handlers.onDisconnected }
        set { handlers.onDisconnected = newValue }
    }

    /// The connection's queue has fallen below the low watermark after it was above the high one.
    public var onDrained: ((UVConnection) -> Void)? {
        get { handlers.onDrained }
        set { handlers.onDrained = newValue }
    }

    /// The server has finished sending; called only where the options allow half-open connections.
    public var onPeerFinished: ((UVConnection) -> Void)? {
        get { handlers.onPeerFinished }
        set { handlers.onPeerFinished = newValue }
    }

    /// It has but one connection, whose `sendLimit` bounds it.
    func outboundBudgetPassed() {}

    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {
        self.connection = nil
        state = .idle
        loop.logger.trace("disconnected", metadata: ["reason": "\(reason)"])
        handlers.onDisconnected?(connection, reason)
    }
}
