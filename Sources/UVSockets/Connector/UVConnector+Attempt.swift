// One attempt to connect: the lookup, then one address after another.
extension UVConnector {
    func startAttempt() throws(UVError) {
        let local = try localAddress()
        let attempt = try ConnectAttempt(self, timeout: settings.timeout)
        attempt.local = local
        state = .connecting(attempt)
        if let network = loop.network { return connect(attempt, in: network) }
        if let address = endpoint.unixAddress { return try connect(attempt, to: address) }
        guard let addresses = settings.addresses ?? SocketAddress(endpoint).map({ [$0] }) else {
            attempt.lookup = try LookupRequest(endpoint, isPassive: false, on: loop) {
                self.lookedUp($0)
            }
            return
        }
        do throws(UVError) {
            try startConnect(attempt, to: addresses)
        } catch {
            guard backoff != nil else { throw error }
            attempt.failLater(error)
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

    /// Starts the connect cycle: makes its `SocketEventArgs` and the first request.
    private func startConnect(
        _ attempt: ConnectAttempt, to addresses: [SocketAddress]
    ) throws(UVError) {
        attempt.race = AddressRace(try reachable(addresses, from: attempt.local))
        try connect(makeArgs(attempt), attempt)
    }

    /// Makes the `SocketEventArgs` of a cycle. After a failure they are used again for the next
    /// address. An address that is tried beside others needs its own.
    private func makeArgs(_ attempt: ConnectAttempt) -> SocketEventArgs {
        SocketEventArgs(userToken: attempt, buffer: loop.receiveBuffer) { args in
            guard let attempt = args.userToken as? ConnectAttempt else { return }
            attempt.connector?.onConnectCompleted(args, attempt)
        }
    }

    /// Asks for a connection to the next address. If that is refused at once, it goes on to the one
    /// after.
    private func connect(_ args: SocketEventArgs, _ attempt: ConnectAttempt) throws(UVError) {
        while true {
            switch attempt.race.next() {
            case .connect(let address):
                guard let socket = try makeSocket(attempt) else { continue }
                attempt.started(socket, address)
                args.connectSocket = socket
                args.remoteAddress = address
                let pending = socket.connect(to: address, args)
                if pending { return try attempt.awaitDelay() }
                attemptFailed(args, attempt, args.error ?? .connectionRefused)
            case .wait: return
            case .giveUp:
                throw attempt.error
                    ?? UVError(call: "connect", subject: "\(endpoint)", code: .unknownHost)
            }
        }
    }

    private func onConnectCompleted(_ args: SocketEventArgs, _ attempt: ConnectAttempt) {
        // The request of an abandoned address ends as cancelled. By then another attempt may be in
        // progress.
        guard case .connecting(let current) = state, current === attempt,
            let socket = args.connectSocket
        else { return }
        // The peer's address shows whether the socket is connected, because libuv does not check
        // how it learns of the outcome.
        let peer = args.error == nil ? socket.peerAddress : nil
        if let peer, peer != socket.localAddress {
            attempt.end(keeping: socket)
            state = .connected
            return join(socket, peer)
        }
        // If nobody listens on a port, the system may give that port to the connecting socket
        // itself. TCP then connects the socket to itself (simultaneous open, RFC 9293 §3.5).
        attemptFailed(
            args, attempt, args.error ?? (peer == nil ? .notConnected : .connectionRefused))
        do throws(UVError) {
            try connect(args, attempt)
        } catch {
            fail(error)
        }
    }

    /// Connects to a Unix-domain socket. This succeeds or fails at once, or the server's backlog is
    /// full. Then it is tried again later.
    private func connect(_ attempt: ConnectAttempt, to address: UnixAddress) throws(UVError) {
        try address.check("connect")
        switch SocketDescriptor.connect(to: address) {
        case .success(let socket?):
            guard let peer = socket.peerCredentials else {
                socket.close()
                let error = UVError(call: "connect", subject: "\(endpoint)", code: .connectionReset)
                return attempt.failLater(error)
            }
            connected(
                attempt, ConnectedStream(source: .socket(socket), peer: SocketAddress(peer)))
        case .success(nil):
            try attempt.retry(after: .milliseconds(10)) { [weak self] in
                self?.tryAgain(attempt, address)
            }
        case .failure(let code):
            attempt.failLater(UVError(call: "connect", subject: "\(endpoint)", code: code))
        }
    }

    private func tryAgain(_ attempt: ConnectAttempt, _ address: UnixAddress) {
        guard case .connecting(let current) = state, current === attempt else { return }
        do throws(UVError) {
            try connect(attempt, to: address)
        } catch {
            fail(error)
        }
    }

    private func connect(_ attempt: ConnectAttempt, in network: MemoryNetwork) {
        do throws(UVError) {
            // If nobody answers, the deadline ends the attempt.
            _ = try localAddress()
            guard let end = try network.connect(to: endpoint, from: settings.local) else { return }
            let ticket = MemoryTicket(end, of: network)
            connected(attempt, ConnectedStream(source: .memory(ticket), peer: end.peer))
        } catch {
            attempt.failLater(error)
        }
    }

    /// A stream has connected at once. It is reported later.
    private func connected(_ attempt: ConnectAttempt, _ stream: ConnectedStream) {
        attempt.connected = stream
        loop.runLater { [weak self] in self?.joinConnected(attempt) }
    }

    private func joinConnected(_ attempt: ConnectAttempt) {
        guard case .connecting(let current) = state, current === attempt,
            let stream = attempt.connected.take()
        else { return }
        do throws(UVError) {
            let handle = try StreamHandle.make(on: loop, owning: stream)
            attempt.end()
            state = .connected
            join(handle, stream.peer)
        } catch {
            stream.close(on: loop)
            fail(error)
        }
    }

    /// The address that was tried last has not connected yet. Tries the next one beside it.
    func attemptDelayPassed() {
        guard case .connecting(let attempt) = state else { return }
        do throws(UVError) {
            try connect(makeArgs(attempt), attempt)
        } catch {
            fail(error)
        }
    }

    /// An address has failed.
    private func attemptFailed(
        _ args: SocketEventArgs, _ attempt: ConnectAttempt, _ code: UVError.Code
    ) {
        let subject = args.remoteAddress?.endpoint ?? endpoint
        attempt.error = UVError(call: "connect", subject: "\(subject)", code: code)
        attempt.race.failed()
        if let socket = args.connectSocket { attempt.close(socket) }
        args.connectSocket = nil
    }

    func deadlinePassed() {
        guard case .connecting(let attempt) = state else { return }
        fail(
            attempt.failure
                ?? UVError(
                    call: attempt.lookup == nil ? "connect" : "look up",
                    subject: "\(attempt.address?.endpoint ?? endpoint)", code: .timedOut,
                    reason: "no answer within \(settings.timeout)"))
    }
}
