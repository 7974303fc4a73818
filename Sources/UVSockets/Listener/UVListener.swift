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

    // What the callbacks' file shows to users.
    var boundEndpoints: [UVEndpoint] = [] {
        didSet { serverHandle?.moved(from: oldValue, to: boundEndpoints) }
    }
    var failures = 0
    var token: AnyObject?
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
    /// What the clients have left behind that are gone.
    let past = PastClients()
    private var nextID: UVConnection.ID = 1
    /// How many clients it has had.
    private(set) var joined: UInt64 = 0
    /// Its face for other threads, which its users keep.
    weak var serverHandle: UVServerHandle?
    /// Finds clients that are gone; from the first client to the end.
    var peerWatch: PeerWatch?
    private var isAccepting = false
    private var isAcceptWanted = false

    let part: ServerPart
    let isIPv6Only: Bool
    /// All that it was asked to listen at.
    let endpoints: [UVEndpoint]
    /// The server on many loops, from when it is complete until this has stopped.
    var server: UVServerHandle?
    /// Who waits to hear whether it listens.
    var opening: ((Result<[UVEndpoint], UVError>) -> Void)?
    /// It has stopped, and the last client is gone.
    var onStopped: (() -> Void)?

    enum State {
        /// It is one of several, and not told yet to listen.
        case joining
        /// Another listener hands its clients over to it.
        case fed
        case idle
        case lookingUp
        case listening(Listening)
        case stopped
    }

    /// What a listening listener holds.
    final class Listening {
        private let sockets: [ListeningHandle]
        /// The one that is asked first.
        private var first = 0
        let nextTurn: IdleHandle
        let pause: TimerHandle
        /// A client that was accepted, and has to wait for a place.
        var held: ConnectedStream?

        init(_ sockets: [ListeningHandle], nextTurn: IdleHandle, pause: TimerHandle) {
            self.sockets = sockets
            self.nextTurn = nextTurn
            self.pause = pause
        }

        /// Asks all sockets for the next client, each in its turn first, so that a crowd at one of them
        /// does not keep out those at another.
        ///
        /// - Returns: The answer of one that had it at once; nil where it is pending.
        func accept() -> SocketEventArgs? {
            for offset in sockets.indices {
                let index = (first + offset) % sockets.count
                if sockets[index].accept() { continue }
                first = (index + 1) % sockets.count
                withdraw()
                return sockets[index].args
            }
            return nil
        }

        /// Asks no socket any more: one has answered.
        func withdraw() {
            for socket in sockets { socket.withdraw() }
        }

        /// Ends listening. A client that waits for a place is reset.
        func close() {
            for socket in sockets { socket.stop() }
            held?.reset()
            nextTurn.close()
            pause.close()
        }
    }

    /// Makes a listener, which does nothing until ``startAccept()``.
    ///
    /// - Parameters:
    ///   - loop: The loop it is to belong to.
    ///   - endpoint: Where to listen: an address, a name, or a Unix-domain socket. `[::]:8081` listens
    ///     on every address, IPv4 and IPv6; where the machine has no IPv6, on every IPv4 address. A name
    ///     stands for all of its addresses. Port 0 takes a free port.
    ///   - backlog: How many clients the kernel accepts ahead of the listener. The kernel lowers
    ///     it to its own limit, `net.core.somaxconn`.
    ///   - framing: How the bytes are divided into messages, such as `.lines`.
    ///   - options: How it and its connections behave.
    ///   - onMessageReceived: What to do with a message of a client: whole, and without what frames it;
    ///     with `.raw`, the bytes that came. It is valid during the call; the compiler refuses to keep it.
    public convenience init(
        on loop: UVLoop, at endpoint: UVEndpoint, backlog: Int = 4096,
        framing: UVFraming = .raw, options: UVListenerOptions = UVListenerOptions(),
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        self.init(loop, endpoint, backlog, framing, options, onMessageReceived)
    }

    init(
        _ loop: UVLoop, _ endpoint: UVEndpoint, _ backlog: Int, _ framing: UVFraming,
        _ options: UVListenerOptions, part: ServerPart? = nil,
        _ onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        loop.confineOpen("UVListener.init")
        self.loop = loop
        self.endpoint = endpoint
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
    }

    // MARK: - The accept cycle

    /// Starts to listen and to accept clients.
    ///
    /// An address is listened on when this returns. A name is looked up first;
    /// ``onListening`` or ``onFailed`` then says how that ended. A name that is not answered within 10
    /// seconds has failed.
    ///
    /// It listens at every address of a name, with one port. Those that this machine does not have are
    /// passed over, unless there is no other.
    ///
    /// - Throws: ``UVError``, naming the call and the address, where the listener cannot listen.
    ///   Then it has not started, and may be started again. One that was stopped cannot be: the code is
    ///   ``UVError/Code/canceled``.
    public func startAccept() throws(UVError) {
        loop.confineOpen("UVListener.startAccept")
        if case .stopped = state {
            throw UVError(
                call: "listen", subject: "\(endpoint)", code: .canceled,
                reason: "the listener was stopped, make another")
        }
        guard case .idle = state else { return }
        try open(endpoints[...], [])
    }

    /// Asks for the next client. Not to ask is what holds clients back, in the backlog.
    ///
    /// When one has been waiting, the answer is there at once, and the next is asked for in this
    /// loop: a crowd at the door does not grow the stack.
    func accept() {
        isAcceptWanted = true
        guard !isAccepting else { return }
        isAccepting = true
        defer { isAccepting = false }
        while isAcceptWanted, case .listening(let listening) = state {
            isAcceptWanted = false
            // To ask can put this listener among those that are told later. A shut one does not ask.
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
                if let args = listening.accept() { onAcceptCompleted(args) }
            case .yield:
                listening.nextTurn.callInNextTurn()
            case .hold:
                loop.logger.debug("holding clients")
            }
        }
    }

    func onAcceptCompleted(_ args: SocketEventArgs) {
        if case .listening(let listening) = state { listening.withdraw() }
        guard let accepted = args.accepted else {
            return acceptFailed(args.error ?? .connectionAborted)
        }
        args.accepted = nil
        noteAccepted()
        admit(accepted)
        accept()
    }

    /// Makes a client of an accepted connection that was admitted.
    func join(_ accepted: ConnectedStream) {
        let socket: StreamHandle
        do throws(UVError) {
            socket = try StreamHandle.make(on: loop, owning: accepted)
        } catch {
            accepted.reset()
            clientLeft(accepted.peer)
            return acceptFailed(error.code)
        }
        let client = UVConnection(socket, peer: accepted.peer, id: nextID, of: self, events)
        nextID += UVConnection.ID(part.admissions.parts)
        joined += 1
        clientTable.join(client)
        watchPeers()
        loop.logger.trace(
            "connected", metadata: ["client": "\(client.id)", "peer": "\(client.peer)"])
        client.begin()
    }
}
