internal import Logging

/// The server side: it owns the listening sockets and the sockets of its clients.
///
/// Nothing else calls these sockets.
///
///     let listener = UVListener(on: loop, at: "0.0.0.0:8081") { client, message in
///         client.send(message)
///     }
///     try listener.startAccept()
///     loop.run()
///
/// The listener and its callbacks belong to the loop's thread. So callbacks may use the listener,
/// its clients and your own state without a lock. The listener lives until it has stopped, whether
/// you keep it or not. Then it releases its callbacks, so they may refer to it.
public final class UVListener {
    /// The loop it belongs to.
    public let loop: UVLoop
    /// The endpoint it was asked to listen on.
    public let endpoint: UVEndpoint
    /// Where the user has made it, or its server.
    let origin: Origin

    // The state behind the public properties in `UVListener+Callbacks.swift`.
    var boundEndpoints: [UVEndpoint] = [] {
        didSet { serverHandle?.moved(from: oldValue, to: boundEndpoints) }
    }
    var failures = 0
    var acceptCounts = AcceptCounts()
    var token: AnyObject?
    /// The state that the handlers of its clients share.
    var sharedState: AnyObject?
    var listeningCallback: ((UVListener) -> Void)?
    var failureCallback: ((UVListener, UVError) -> Void)?

    var events: ConnectionEvents
    let gate = AcceptGate()
    var refused = UVRefusals()
    let clientTable = ClientTable()
    var drain: DrainProgress?
    var lookup: LookupRequest?
    let backlog: Int32
    var state = State.idle
    /// The sums over the clients that are gone.
    let past = PastClients()
    let ended = EndedClients()
    private(set) var nextID: UVConnection.ID = 1
    /// How many clients it has had so far.
    private(set) var joined: UInt64 = 0
    /// The handle for other threads. Its users retain it.
    weak var serverHandle: UVServerHandle?
    /// Finds clients that have vanished. It runs from the first client to the end of the listener.
    var peerWatch: PeerWatch?
    /// What waits for slow clients.
    var slowWaits = SlowWaits()
    private var isAccepting = false
    private var isAcceptWanted = false

    let part: ServerPart
    let isIPv6Only: Bool
    /// All endpoints it was asked to listen on.
    let endpoints: [UVEndpoint]
    /// The server that this listener is part of. Set when the server is complete, nil again when
    /// this listener has stopped.
    var server: UVServerHandle?
    /// Called once with the result of starting to listen.
    var opening: ((Result<[UVEndpoint], UVError>) -> Void)?
    /// Called when the listener has stopped and the last client is gone.
    var onStopped: (() -> Void)?

    enum State {
        /// It is one of several listeners and was not told to listen yet.
        case joining
        /// It does not listen: another listener hands clients over to it.
        case fed
        case idle
        case lookingUp
        case listening(Listening)
        case stopped
    }

    /// What a listener holds while it listens.
    final class Listening {
        private let loop: UVLoop
        let sockets: [ListeningHandle]
        /// The index of the socket that is asked first.
        private var first = 0
        let nextTurn: IdleHandle
        let pause: TimerHandle
        /// An accepted client that waits for a place.
        var held: ConnectedStream?

        init(
            on loop: UVLoop, _ sockets: [ListeningHandle], nextTurn: IdleHandle, pause: TimerHandle
        ) {
            self.loop = loop
            self.sockets = sockets
            self.nextTurn = nextTurn
            self.pause = pause
        }

        /// Asks all sockets for the next client. Each socket in turn is asked first, so that many
        /// clients at one socket do not keep out those at another.
        ///
        /// - Returns: The answer of a socket that had a client at once. Nil if all requests are
        ///   pending.
        func accept() -> SocketEventArgs? {
            if sockets.count == 1 { return sockets[0].accept() ? nil : sockets[0].args }
            for offset in sockets.indices {
                let index = (first + offset) % sockets.count
                if sockets[index].accept() { continue }
                first = (index + 1) % sockets.count
                withdraw()
                return sockets[index].args
            }
            return nil
        }

        /// Cancels the requests to all sockets, because one has answered.
        func withdraw() {
            guard sockets.count > 1 else { return }
            for socket in sockets { socket.withdraw() }
        }

        /// Ends listening. A client that waits for a place is reset.
        func close() {
            for socket in sockets { socket.stop() }
            held?.reset(on: loop)
            nextTurn.close()
            pause.close()
        }
    }

    /// Makes a listener. It does nothing until ``startAccept()``.
    ///
    /// - Parameters:
    ///   - loop: The loop that the listener belongs to.
    ///   - endpoint: Where to listen: an address, a name, or a Unix-domain socket. `[::]:8081`
    ///     listens on every address, IPv4 and IPv6, or on every IPv4 address if the machine has no
    ///     IPv6. A name stands for all of its addresses. Port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts before the listener does. The kernel lowers
    ///     it to its own limit, `net.core.somaxconn`.
    ///   - framing: How the received bytes are divided into messages, such as `.lines`.
    ///   - options: How the listener and its connections behave.
    ///   - file: The file of the call. What is said about the listener names it.
    ///   - line: The line of the call.
    ///   - onMessageReceived: Called with each message of a client: whole, and without its framing.
    ///     With `.raw` it gets the bytes as they came. The message is valid during the call; the
    ///     compiler does not let you keep it.
    public convenience init(
        on loop: UVLoop, at endpoint: UVEndpoint, backlog: Int = 4096,
        framing: UVFraming = .raw, options: UVListenerOptions = UVListenerOptions(),
        file: StaticString = #fileID, line: UInt = #line,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(
            loop, endpoint, backlog, framing, options, Origin(file, line), onMessageReceived)
    }

    init(
        _ loop: UVLoop, _ endpoint: UVEndpoint, _ backlog: Int, _ framing: UVFraming,
        _ options: UVListenerOptions, _ origin: Origin, part: ServerPart? = nil,
        _ onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        loop.confineOpen("UVListener.init")
        self.loop = loop
        self.endpoint = endpoint
        self.origin = origin
        self.backlog = Int32(clamping: max(1, backlog))
        isIPv6Only = options.isIPv6Only
        endpoints = [endpoint] + options.additionalEndpoints
        if part != nil { state = .joining }
        let part =
            part
            ?? ServerPart(
                admissions: Admissions(
                    options.admission,
                    limit: Self.connectionLimit(options.maxConnections, loops: 1, loop.logger),
                    isShared: false),
                index: 0)
        self.part = part
        nextID = UVConnection.ID(part.index) + 1
        events = ConnectionEvents(
            options.connection, framing,
            outboundBudget: options.outboundBudget / part.admissions.parts,
            onMessageReceived: onMessageReceived)
        loop.timeHandlers(of: events)
        Self.origins.withLock { $0[events.number] = origin }
    }

    deinit {
        Self.origins.withLock { $0[events.number] = nil }
    }

    // MARK: - The accept cycle

    /// Starts to listen and to accept clients.
    ///
    /// For an address, the listener listens when this call returns. A name is looked up first, and
    /// then ``onListening`` or ``onFailed`` is called. The lookup fails if there is no answer
    /// within 10 seconds.
    ///
    /// A name is listened on at each of its addresses, all with one port. Addresses that this
    /// machine does not have are skipped, unless there is no other.
    ///
    /// - Throws: ``UVError``, with the call and the address, if the listener cannot listen. Then it
    ///   has not started, and you may start it again. A stopped listener cannot be started again:
    ///   the code is ``UVError/Code/canceled``.
    public func startAccept() throws(UVError) {
        loop.confineOpen("UVListener.startAccept")
        if case .stopped = state {
            throw UVError(
                call: "listen", subject: "\(endpoint)", code: .canceled,
                reason: "the listener was stopped and cannot start again; make a new one")
        }
        guard case .idle = state else { return }
        try open(endpoints[...], [])
    }

    /// Asks for the next client. Not asking leaves clients in the backlog.
    ///
    /// If a client is waiting, the answer comes at once, and the loop below asks for the next one.
    /// So many waiting clients do not grow the stack.
    func accept() {
        isAcceptWanted = true
        guard !isAccepting else { return }
        isAccepting = true
        defer { isAccepting = false }
        while isAcceptWanted, case .listening(let listening) = state {
            isAcceptWanted = false
            // `entry(to:now:)` may add this listener to the waiting loops. A shut gate must not
            // cause that, so it does not ask.
            let entry: Admissions.Entry =
                gate.isShut ? .whenTold : part.admissions.entry(to: part.index, now: loop.now)
            switch gate.next(turn: loop.turn, isFull: entry == .whenTold) {
            case .accept:
                if case .after(let wait) = entry {
                    listening.pause.start(after: .milliseconds(wait))
                    break
                }
                if let held = listening.held.take() {
                    isAcceptWanted = true
                    admit(held)
                    break
                }
                guard let args = listening.accept() else {
                    loop.traceAccept(self, "asked, nobody is there (pending = true)")
                    break
                }
                loop.traceAccept(self, "completed at once (pending = false), asks again")
                onAcceptCompleted(args)
            case .yield:
                acceptCounts.yields += 1
                listening.nextTurn.callInNextTurn()
            case .hold:
                if !gate.isShut { acceptCounts.holds += 1 }
                loop.traceAccept(self, "not asked, new clients wait in the backlog")
                loop.logger.debug("new clients wait in the backlog")
            }
        }
    }

    func onAcceptCompleted(_ args: SocketEventArgs) {
        loop.pulse.begins(.accepting)
        defer { loop.pulse.begins(.other) }
        if case .listening(let listening) = state { listening.withdraw() }
        guard let accepted = args.accepted else {
            return acceptFailed(args.error ?? .connectionAborted)
        }
        args.accepted = nil
        noteAccepted()
        admit(accepted)
        accept()
    }

    /// Makes a client of an accepted and admitted connection.
    func join(_ accepted: ConnectedStream) {
        let socket: StreamHandle
        do throws(UVError) {
            socket = try StreamHandle.make(on: loop, owning: accepted)
        } catch {
            accepted.reset(on: loop)
            clientLeft(accepted.peer)
            return acceptFailed(error.code)
        }
        let client = UVConnection(socket, peer: accepted.peer, id: nextID, of: self, events)
        nextID += UVConnection.ID(part.admissions.parts)
        joined += 1
        clientTable.join(client)
        if let measures = loop.measures, let tcp = socket.tcpState {
            measures.acceptTook(tcp.sinceAcknowledged)
        }
        watchPeers()
        loop.logger.trace(
            "connected", metadata: ["client": "\(client.id)", "peer": "\(client.peer)"])
        client.begin()
    }
}
