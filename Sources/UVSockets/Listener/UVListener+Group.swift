internal import Logging

extension UVListener {
    /// Is a part of the server from now on, all of whose parts have been made.
    func join(
        _ server: UVRemoteListener, _ makeHandler: (UVListener) -> UVLoopGroup.MessageHandler
    ) {
        remoteListener = server
        (desk as? PartDesk)?.server = server
        let handler = makeHandler(self)
        handlers = ConnectionHandlers(handlers, onMessageReceived: handler)
    }

    /// Listens, and tells once whether that went well.
    ///
    /// - Parameters:
    ///   - address: The numeric address that another part listens on; nil for the endpoint's.
    ///   - reply: Told where it listens.
    func open(
        at address: UVEndpoint?, reply: @escaping (Result<UVEndpoint, UVError>) -> Void
    ) {
        opening = reply
        do throws(UVError) {
            switch state {
            case .joining: state = .idle
            // It was stopped before it began.
            case .stopped: return closeDoor()
            // Its own set-up has started it.
            case .listening: return opened()
            case .fed, .idle, .lookingUp: break
            }
            if let address = address.flatMap({ SocketAddress($0) }) {
                try listen(at: address)
            } else {
                try startAccept()
            }
        } catch {
            opening.take()?(.failure(error))
        }
    }

    /// Tells that it listens.
    func opened() {
        opening.take()?(.success(localEndpoint ?? endpoint))
    }

    /// Takes the clients that another listener hands over to it.
    func awaitHandOvers() {
        if case .joining = state { state = .fed }
    }

    /// Goes on accepting: there may be room again.
    func acceptNext() {
        accept()
    }

    /// Gives a client to another loop.
    func handOver(_ accepted: AcceptedSocket, toPart part: Int) {
        let isPosted = remoteListener?.parts[part].post { $0.takeOver(accepted) } ?? false
        guard !isPosted else { return }
        accepted.reset()
        // The loop has ended by itself: nobody is to be passed there again.
        place?.desk.close(part)
        desk.left(accepted.peer, part: part)
    }

    /// Makes a client of a connection that another loop has accepted.
    private func takeOver(_ accepted: AcceptedSocket) {
        if case .fed = state { return join(accepted) }
        loop.logger.debug("stopped", metadata: ["peer": "\(accepted.peer.endpoint)"])
        accepted.reset()
        desk.left(accepted.peer, part: place?.part ?? 0)
    }
}
