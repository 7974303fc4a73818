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
    private struct Attempt {
        let deadline: TimerHandle
        var lookup: LookupRequest?
        var addresses: ArraySlice<SocketAddress> = []
        var address: SocketAddress?
        var socket: TCPHandle?
        var error: UVError?
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
    public init(
        on loop: UVLoop, to endpoint: UVEndpoint, deadline: Duration = .seconds(10),
        options: UVConnectionOptions = .connector,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        loop.confine("UVConnector.init")
        self.loop = loop
        self.endpoint = endpoint
        self.deadline = deadline
        handlers = ConnectionHandlers(options, onMessageReceived: onMessageReceived)
    }

    // MARK: - The connect cycle

    /// Starts to connect; nothing where it is connecting or connected already.
    ///
    /// Either ``onConnected`` or ``onFailed`` is called later, never within this call, unless
    /// ``cancel()`` comes first. After a failure, or an end of the connection, it may be started
    /// again.
    ///
    /// - Throws: ``UVError`` where the host cannot be a name, or there is no memory to begin with.
    public func startConnect() throws(UVError) {
        loop.confine("UVConnector.startConnect")
        guard case .idle = state else { return }
        let timer = try TimerHandle(on: loop) { self.deadlinePassed() }
        do throws(UVError) {
            let lookup = try LookupRequest(endpoint, isPassive: false, on: loop) {
                self.lookedUp($0)
            }
            state = .connecting(Attempt(deadline: timer, lookup: lookup))
            timer.start(after: deadline)
        } catch {
            timer.close()
            throw error
        }
    }

    private func lookedUp(_ result: Result<[SocketAddress], UVError>) {
        attempt { $0.lookup = nil }
        do throws(UVError) {
            let addresses = try result.get()
            attempt { $0.addresses = addresses[...] }
            let args = SocketEventArgs(userToken: self, buffer: loop.receiveBuffer) { args in
                (args.userToken as? UVConnector)?.onConnectCompleted(args)
            }
            connect(args)
        } catch {
            fail(error)
        }
    }

    /// Asks for a connection to the next address; where one is refused at once, to the next but one.
    private func connect(_ args: SocketEventArgs) {
        while case .connecting(let attempt) = state {
            guard let address = attempt.addresses.first else {
                return fail(attempt.error ?? error(.unknownHost))
            }
            do throws(UVError) {
                let socket = try TCPHandle(on: loop)
                self.attempt {
                    $0.addresses.removeFirst()
                    $0.address = address
                    $0.socket = socket
                }
                let pending = socket.connect(to: address, args)
                if pending { return }
                attemptFailed(args.error ?? .connectionRefused)
            } catch {
                return fail(error)
            }
        }
    }

    private func onConnectCompleted(_ args: SocketEventArgs) {
        // An attempt that was given up ends as cancelled.
        guard case .connecting(let attempt) = state, let socket = attempt.socket,
            !socket.isClosing
        else { return }
        // The address is asked for because libuv does not check how it learns of the outcome.
        guard args.error == nil, let peer = socket.peerAddress else {
            attemptFailed(args.error ?? .notConnected)
            return connect(args)
        }
        attempt.deadline.close()
        state = .connected
        join(socket, peer)
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

    private func attempt(_ change: (inout Attempt) -> Void) {
        guard case .connecting(var attempt) = state else { return }
        change(&attempt)
        state = .connecting(attempt)
    }

    /// One address is given up.
    private func attemptFailed(_ code: UVError.Code) {
        attempt {
            $0.socket?.close()
            $0.socket = nil
            $0.error = error(code, at: $0.address)
        }
    }

    private func deadlinePassed() {
        guard case .connecting(let attempt) = state else { return }
        fail(
            UVError(
                call: attempt.lookup == nil ? "connect" : "look up",
                subject: "\(attempt.address?.endpoint ?? endpoint)", code: .timedOut,
                reason: "no answer within \(deadline)"))
    }

    private func error(_ code: UVError.Code, at address: SocketAddress? = nil) -> UVError {
        UVError(call: "connect", subject: "\(address?.endpoint ?? endpoint)", code: code)
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

    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {
        self.connection = nil
        state = .idle
        loop.logger.trace("disconnected", metadata: ["reason": "\(reason)"])
        handlers.onDisconnected?(connection, reason)
    }
}
