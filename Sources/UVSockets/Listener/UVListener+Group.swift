internal import Logging

extension UVListener {
    /// Joins a server whose parts have all been made.
    func join(
        _ server: UVServerHandle, _ makeHandler: (UVListener) -> UVLoopGroup.MessageHandler
    ) {
        serverHandle = server
        self.server = server
        let handler = makeHandler(self)
        events = ConnectionEvents(events, onMessageReceived: handler)
    }

    /// Starts to listen, and reports once whether that worked.
    ///
    /// - Parameters:
    ///   - addresses: The numeric addresses that another part listens on. Nil means to use the
    ///     listener's own endpoints.
    ///   - reply: Called with the addresses it listens on.
    func open(
        at addresses: [UVEndpoint]?, reply: @escaping (Result<[UVEndpoint], UVError>) -> Void
    ) {
        opening = reply
        do throws(UVError) {
            switch state {
            case .joining: state = .idle
            // It was stopped before it started.
            case .stopped: return stopListening()
            // The user's `setUp` has started it.
            case .listening: return opened()
            case .fed, .idle, .lookingUp: break
            }
            if let endpoint = endpoints.first(where: { $0.unixAddress != nil }),
                part.admissions.balance == .kernel
            {
                throw UVError(
                    call: "listen", subject: "\(endpoint)", code: .invalidArgument,
                    reason: "the balance .kernel does not work for a Unix-domain socket")
            }
            if let addresses {
                try open(addresses[...], [])
            } else {
                try startAccept()
            }
        } catch {
            opening.take()?(.failure(error))
        }
    }

    /// Reports that it listens.
    func opened() {
        opening.take()?(.success(localEndpoints))
    }

    /// Takes the clients that another listener hands over.
    func awaitHandOvers() {
        if case .joining = state { state = .fed }
    }

    /// Accepts again: there may be room.
    func acceptNext() {
        accept()
    }

    /// Hands a client over to another loop.
    func handOver(_ accepted: ConnectedStream, toPart index: Int) {
        let transit = SocketInTransit(accepted, from: self, to: index)
        let isPosted = server?.parts[index].post { $0.takeOver(transit) } ?? false
        // The loop has ended by itself. No more clients may be passed to it.
        if !isPosted { part.admissions.close(index) }
    }

    /// Makes a client of a connection that another loop has accepted.
    private func takeOver(_ transit: SocketInTransit) {
        guard case .fed = state, let accepted = transit.take() else { return }
        join(accepted)
    }
}

/// A client on its way to another loop. If that loop has ended or its listener has stopped, the
/// client is reset, and its place is free again.
private final class SocketInTransit: Sendable {
    private let accepted: Locked<ConnectedStream?>
    private let loop: UVLoop
    private let part: Int
    private let admissions: Admissions

    init(_ accepted: ConnectedStream, from listener: UVListener, to part: Int) {
        self.accepted = Locked(accepted)
        loop = listener.loop
        self.part = part
        admissions = listener.part.admissions
    }

    deinit {
        guard let accepted = take() else { return }
        accepted.reset(on: loop)
        _ = admissions.left(accepted.peer, part: part)
    }

    /// Takes the socket out. The caller then owns it.
    func take() -> ConnectedStream? {
        accepted.withLock { $0.take() }
    }
}
