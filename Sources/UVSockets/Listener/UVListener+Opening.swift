internal import Logging

// From a listener's endpoints to its sockets: first the names are looked up, then either all
// sockets open or none.
extension UVListener {
    /// An endpoint and its addresses. The list is empty if it is not an IP endpoint.
    typealias Place = (endpoint: UVEndpoint, addresses: [SocketAddress])
    /// A socket, and the local endpoint that its users see.
    private typealias Opened = (socket: ListeningHandle, local: UVEndpoint)

    private static var lookupTime: Duration { .seconds(10) }
    /// How many ports are tried to find one that is free at every address of a name.
    private static var portAttempts: Int { 16 }

    /// Looks up the names among the remaining endpoints, then listens on all of them.
    func open(_ rest: ArraySlice<UVEndpoint>, _ found: [Place]) throws(UVError) {
        var (rest, found) = (rest, found)
        while let endpoint = rest.popFirst() {
            if loop.network != nil || endpoint.unixAddress != nil {
                found.append((endpoint, []))
            } else if let address = SocketAddress(endpoint) {
                found.append((endpoint, [address]))
            } else {
                return try lookUp(endpoint, rest, found)
            }
        }
        try listen(at: found)
    }

    private func lookUp(
        _ endpoint: UVEndpoint, _ rest: ArraySlice<UVEndpoint>, _ found: [Place]
    ) throws(UVError) {
        lookup = try LookupRequest(
            endpoint, isPassive: true, within: Self.lookupTime, on: loop
        ) { result in
            self.lookup = nil
            guard case .lookingUp = self.state else { return }
            self.state = .idle
            do throws(UVError) {
                try self.open(rest, found + [(endpoint, try result.get())])
            } catch {
                self.failed(error)
            }
        }
        state = .lookingUp
    }

    /// Starts to listen and to accept.
    func listen(at places: [Place]) throws(UVError) {
        var opened: [Opened] = []
        do throws(UVError) {
            for place in places { opened += try open(place) }
            state = .listening(try makeListening(opened.map(\.socket)))
        } catch {
            for (socket, _) in opened { socket.stop() }
            throw error
        }
        boundEndpoints = opened.map(\.local)
        loop.recorder?.note(events.number, .listener, recordedEndpoint)
        for endpoint in boundEndpoints {
            loop.logger.debug("listening", metadata: ["endpoint": "\(endpoint)"])
        }
        tellListening()
        self.opened()
        accept()
    }

    private func makeListening(_ sockets: [ListeningHandle]) throws(UVError) -> Listening {
        let nextTurn = try IdleHandle(on: loop) { self.accept() }
        do throws(UVError) {
            let pause = try TimerHandle(on: loop) { self.pauseEnded() }
            return Listening(on: loop, sockets, nextTurn: nextTurn, pause: pause)
        } catch {
            nextTurn.close()
            throw error
        }
    }

    private func tellListening() {
        guard listeningCallback != nil else { return }
        loop.runLater { [weak self] in
            guard let self, !boundEndpoints.isEmpty else { return }
            loop.running(.listening, origin) { listeningCallback?(self) }
        }
    }

    // MARK: - Sockets

    private func open(_ place: Place) throws(UVError) -> [Opened] {
        let endpoint = place.endpoint
        if let network = loop.network {
            let socket = try MemoryListeningHandle(
                on: loop, network, at: endpoint, backlog: backlog, isIPv6Only: isIPv6Only,
                makeArgs())
            return [(socket, socket.endpoint)]
        }
        if let address = endpoint.unixAddress {
            let socket = try ListeningSocket(on: loop, at: address, backlog: backlog, makeArgs())
            return [(socket, endpoint)]
        }
        do throws(UVError) {
            return try open(place.addresses, attempts: Self.portAttempts)
        } catch {
            // A machine without IPv6 refuses its wildcard address.
            guard endpoint.host == "::", !isIPv6Only, Self.isOfOtherMachine(error),
                let wildcard = SocketAddress(UVEndpoint(host: "0.0.0.0", port: endpoint.port))
            else { throw error }
            return try open([wildcard], attempts: 1)
        }
    }

    /// Opens a socket at each address, all with one port. If the system chose the port, it may be
    /// taken at another of the addresses. Then the system chooses again.
    private func open(_ addresses: [SocketAddress], attempts: Int) throws(UVError) -> [Opened] {
        do throws(UVError) {
            return try openAll(addresses)
        } catch {
            let isChosen = addresses.count > 1 && addresses[0].port == 0
            guard isChosen, error.code == .addressInUse, attempts > 1 else { throw error }
            return try open(addresses, attempts: attempts - 1)
        }
    }

    private func openAll(_ addresses: [SocketAddress]) throws(UVError) -> [Opened] {
        var opened: [Opened] = []
        var passedOver: UVError?
        for address in addresses {
            do throws(UVError) {
                let port = opened.first?.local.port ?? address.port
                let socket = try open(address.withPort(port))
                opened.append((socket, socket.localAddress?.endpoint ?? address.endpoint))
            } catch {
                passedOver = error
                if Self.isOfOtherMachine(error) { continue }
                for (socket, _) in opened { socket.stop() }
                throw error
            }
        }
        if opened.isEmpty, let passedOver { throw passedOver }
        return opened
    }

    private func open(_ address: SocketAddress) throws(UVError) -> ListeningSocket {
        let sharesPort = part.admissions.balance == .kernel
        // If several listeners share a port, the first one checks that no other program has it.
        if sharesPort, part.index == 0, address.port != 0 {
            try ListeningSocket.checkIsFree(address, isIPv6Only: isIPv6Only)
        }
        let socket = try ListeningSocket(
            on: loop, at: address, backlog: backlog, sharesPort: sharesPort,
            isIPv6Only: isIPv6Only, makeArgs())
        socket.setOptions(noDelay: events.options.noDelay, keepAlive: events.options.keepAlive)
        return socket
    }

    /// Makes the `SocketEventArgs` of a socket, which is passed with each request.
    private func makeArgs() -> SocketEventArgs {
        SocketEventArgs(userToken: self, buffer: loop.receiveBuffer) { args in
            guard let listener = args.userToken as? UVListener else { return }
            listener.loop.traceAccept(listener, "completed, asks again")
            listener.onAcceptCompleted(args)
        }
    }

    /// Whether this machine does not have the address or its address family.
    private static func isOfOtherMachine(_ error: UVError) -> Bool {
        error.code == .addressFamilyNotSupported || error.code == .addressNotAvailable
    }

    /// The Unix-domain socket, of several, that a client has connected to.
    func unixEndpoint(of client: StreamHandle) -> UVEndpoint? {
        if let endpoint = client.listenedAt { return endpoint }
        let all = endpoints.filter { $0.unixAddress != nil }
        guard all.count > 1, let name = client.socket?.unixName else { return all.first }
        return all.first { $0.unixAddress?.systemName == name }
    }
}
