internal import Logging

/// The server's agent: it owns the listening socket and the clients' sockets, and nobody else
/// calls them.
///
///     let listener = UVListener(on: loop, at: "0.0.0.0:8081") { client, message in
///         client.send(message)
///     }
///     try listener.startAccept()
///     loop.run()
///
/// All of it belongs to the loop's thread, and so do the callbacks: they may use the listener, its
/// clients and your own state without a lock. The listener lives until it has stopped, whether or
/// not you keep it, and then lets go of its callbacks, so that they may refer to it.
public final class UVListener {
    /// The loop it belongs to.
    public let loop: UVLoop
    /// Where it was asked to listen.
    public let endpoint: UVEndpoint
    /// Where it listens, with the port the system gave for port 0; nil while it does not.
    public internal(set) var localEndpoint: UVEndpoint? {
        didSet { remoteListener?.moved(from: oldValue, to: localEndpoint) }
    }
    /// How many times accepting, or listening again after that, has failed.
    public internal(set) var acceptFailures = 0
    /// Anything you want to find again at this listener. The listener retains it.
    public var userToken: AnyObject?

    /// It listens now. Where ``startAccept()`` needs no lookup this comes before it returns.
    public var onListening: ((UVListener) -> Void)?
    /// It could not listen, although ``startAccept()`` did not throw: the host was not found, or
    /// is not of this machine, or the port is taken.
    public var onFailed: ((UVListener, UVError) -> Void)?

    var handlers: ConnectionHandlers
    let gate = AcceptGate()
    let desk: any Admission
    var refused = UVRefusals()
    let clientTable = ClientTable()
    var drain: DrainProgress?
    var lookup: LookupRequest?
    let backlog: Int32
    var state = State.idle
    /// What the clients have left behind that are gone.
    let past = PastClients()
    private var nextID: UVConnection.ID = 1
    /// How many clients it has had.
    private(set) var joined: UInt64 = 0
    var remoteListener: UVRemoteListener?
    private var isAccepting = false
    private var isAcceptWanted = false

    /// Its place in a server on many loops.
    let place: ListenerPlace?
    /// Who waits to hear whether it listens.
    var opening: ((Result<UVEndpoint, UVError>) -> Void)?
    /// It has stopped, and the last client is gone.
    var onStopped: (() -> Void)?

    enum State {
        /// It is one of several, and not told yet to listen.
        case joining
        /// Another listener hands its clients over to it.
        case fed
        case idle
        case lookingUp
        case listening(Door)
        case stopped
    }

    /// What a listening listener holds.
    final class Door {
        var socket: TCPHandle
        let args: SocketEventArgs
        let nextTurn: IdleHandle
        let pause: TimerHandle
        /// The listening socket's second descriptor.
        let spare: Int32
        /// A client that was accepted, and has to wait for a place.
        var held: (socket: TCPHandle, peer: SocketAddress)?

        init(
            _ socket: TCPHandle, _ args: SocketEventArgs, nextTurn: IdleHandle, pause: TimerHandle,
            spare: Int32
        ) {
            self.socket = socket
            self.args = args
            self.nextTurn = nextTurn
            self.pause = pause
            self.spare = spare
        }
    }

    /// Makes a listener, which does nothing until ``startAccept()``.
    ///
    /// - Parameters:
    ///   - loop: The loop it is to belong to.
    ///   - endpoint: Where to listen. `[::]:8081` listens on every address, IPv4 and IPv6; where
    ///     the machine has no IPv6, on every IPv4 address. Port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts ahead of the listener. The kernel lowers
    ///     it to its own limit, `net.core.somaxconn`.
    ///   - options: How it and its connections behave.
    ///   - onMessageReceived: What to do with the bytes of a client. They are valid during the
    ///     call; the compiler refuses to keep them.
    public convenience init(
        on loop: UVLoop, at endpoint: UVEndpoint, backlog: Int = 4096,
        options: UVListenerOptions = UVListenerOptions(),
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(loop, endpoint, backlog, nil, options, onMessageReceived)
    }

    /// Makes a listener whose clients send and receive messages of a framing.
    ///
    /// - Parameters:
    ///   - loop: The loop it is to belong to.
    ///   - endpoint: Where to listen.
    ///   - backlog: How many clients the kernel accepts ahead of the listener.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How it and its connections behave.
    ///   - onMessageReceived: What to do with a message of a client, which is whole, and without
    ///     what frames it. It is valid during the call; the compiler refuses to keep it.
    public convenience init(
        on loop: UVLoop, at endpoint: UVEndpoint, backlog: Int = 4096,
        framing: some FrameCodec, options: UVListenerOptions = UVListenerOptions(),
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(loop, endpoint, backlog, framing, options, onMessageReceived)
    }

    init(
        _ loop: UVLoop, _ endpoint: UVEndpoint, _ backlog: Int, _ codec: (any FrameCodec)?,
        _ options: UVListenerOptions, place: ListenerPlace? = nil,
        _ onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        loop.confine("UVListener.init")
        self.loop = loop
        self.endpoint = endpoint
        self.backlog = Int32(clamping: max(1, backlog))
        self.place = place
        handlers = ConnectionHandlers(
            options.connection, codec,
            outboundBudget: options.outboundBudget / (place?.desk.parts ?? 1),
            onMessageReceived: onMessageReceived)
        if let place {
            state = .joining
            nextID = UVConnection.ID(place.part) + 1
            desk = PartDesk(place)
        } else {
            let limit = Self.connectionLimit(options.maxConnections, loops: 1, loop.logger)
            desk = AdmissionDesk(options.admission, limit: limit)
        }
    }

    // MARK: - The accept cycle

    /// Starts to listen and to accept clients.
    ///
    /// An address is listened on when this returns. A name is looked up first, on the loop;
    /// ``onListening`` or ``onFailed`` then says how that ended.
    ///
    /// - Throws: ``UVError``, naming the call and the address, where the listener cannot listen.
    ///   Then it has not started, and may be started again.
    public func startAccept() throws(UVError) {
        loop.confine("UVListener.startAccept")
        guard case .idle = state else { return }
        if let address = SocketAddress(endpoint) {
            try listen(at: address)
        } else {
            state = .lookingUp
            do throws(UVError) {
                lookup = try LookupRequest(endpoint, isPassive: true, on: loop) {
                    self.lookedUp($0)
                }
            } catch {
                state = .idle
                throw error
            }
        }
    }

    /// Takes the cycle's first turn: the shuttle is made, once, and given its request.
    func startAccept(on socket: TCPHandle, at endpoint: UVEndpoint) throws(UVError) {
        let args = SocketEventArgs(userToken: self, buffer: loop.receiveBuffer) { args in
            (args.userToken as? UVListener)?.onAcceptCompleted(args)
        }
        try listen(on: socket, endpoint, args)
        let nextTurn = try IdleHandle(on: loop) { self.accept(args) }
        let pause = try TimerHandle(on: loop) { self.pauseEnded(args) }
        guard let spare = socket.duplicateDescriptor() else {
            nextTurn.close()
            pause.close()
            throw UVError(call: "listen", subject: "\(endpoint)", code: .tooManyOpenFiles)
        }
        state = .listening(Door(socket, args, nextTurn: nextTurn, pause: pause, spare: spare))
        localEndpoint = socket.localAddress?.endpoint
        loop.logger.debug("listening", metadata: ["endpoint": "\(localEndpoint ?? endpoint)"])
        onListening?(self)
        opened()
        accept(args)
    }

    /// Asks for the next client. Not to ask is what holds clients back, in the backlog.
    ///
    /// When one has been waiting, the answer is there at once, and the next is asked for in this
    /// loop: a crowd at the door does not grow the stack.
    func accept(_ args: SocketEventArgs) {
        isAcceptWanted = true
        guard !isAccepting else { return }
        isAccepting = true
        defer { isAccepting = false }
        while isAcceptWanted, case .listening(let door) = state {
            isAcceptWanted = false
            switch gate.next(turn: loop.turn, isFull: desk.isHolding()) {
            case .accept:
                if let wait = desk.wait(now: loop.now) {
                    door.pause.start(after: .milliseconds(wait))
                    break
                }
                if let held = door.held.take() {
                    isAcceptWanted = true
                    admit(held.socket, held.peer)
                    break
                }
                args.acceptedSocket = nil
                let pending = door.socket.accept(args)
                if !pending { onAcceptCompleted(args) }
            case .yield:
                door.nextTurn.callInNextTurn()
            case .hold:
                loop.logger.debug("holding clients")
            }
        }
    }

    private func onAcceptCompleted(_ args: SocketEventArgs) {
        guard args.error == nil, let socket = args.acceptedSocket else {
            return acceptFailed(args.error ?? .connectionAborted)
        }
        args.acceptedSocket = nil
        accepted()
        if let peer = socket.peerAddress {
            admit(socket, peer)
        } else {
            // Reset before it was accepted: it never was a client.
            socket.close()
        }
        accept(args)
    }

    func join(_ socket: TCPHandle, _ peer: SocketAddress) {
        let client = UVConnection(socket, peer: peer, id: nextID, of: self, handlers)
        nextID += UVConnection.ID(place?.desk.parts ?? 1)
        joined += 1
        clientTable.join(client)
        loop.logger.trace(
            "connected", metadata: ["client": "\(client.id)", "peer": "\(client.peer)"])
        handlers.onConnected?(client)
        client.startReceive()
    }
}

extension UVListener: ConnectionHost {
    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {
        clientTable.leave(connection)
        if !clientTable.groups.isEmpty { leaveGroups(connection) }
        past.add(connection, reason)
        // Not of a stop that its own callback begins: by then it is none of the clients.
        drain?.ended(connection)
        loop.logger.trace(
            "disconnected", metadata: ["client": "\(connection.id)", "reason": "\(reason)"])
        handlers.onDisconnected?(connection, reason)
        // Another loop may have a client in its place from here on.
        desk.left(connection.peerAddress, part: place?.part ?? 0)
        finishDrain()
        if case .listening(let door) = state { accept(door.args) }
    }

    private func leaveGroups(_ client: UVConnection) {
        let groups = clientTable.groups.removeValue(forKey: client.id) ?? []
        for group in groups { group.remove(client) }
    }
}
