internal import Logging

extension UVListener {
    func listen(at address: SocketAddress) throws(UVError) {
        do throws(UVError) {
            try bindAndListen(address)
        } catch {
            // A machine without IPv6 refuses its wildcard address.
            let isWithoutIPv6 =
                error.code == .addressFamilyNotSupported || error.code == .addressNotAvailable
            guard endpoint.host == "::", address.isIPv6, isWithoutIPv6,
                let wildcard = SocketAddress(UVEndpoint(host: "0.0.0.0", port: endpoint.port))
            else { throw error }
            try bindAndListen(wildcard)
        }
    }

    private func bindAndListen(_ address: SocketAddress) throws(UVError) {
        let socket: TCPHandle
        if place?.desk.balance == .kernel {
            try checkIsFree(address)
            socket = try TCPHandle(on: loop, sharingPortOf: address)
        } else {
            socket = try TCPHandle(on: loop)
        }
        do throws(UVError) {
            try socket.bind(to: address)
            // Linux gives the accepted sockets the options of the listening one.
            socket.setNoDelay(handlers.options.noDelay)
            socket.setKeepAlive(handlers.options.keepAlive)
            try startAccept(on: socket, at: address.endpoint)
        } catch {
            socket.close()
            throw error
        }
    }

    /// Throws where another server has the address: a port that is shared is shared with whoever
    /// shares it, and a second server on it would take half of the clients.
    private func checkIsFree(_ address: SocketAddress) throws(UVError) {
        guard place?.part == 0, address.port != 0 else { return }
        let probe = try TCPHandle(on: loop)
        defer { probe.close() }
        let args = SocketEventArgs(userToken: nil, buffer: loop.receiveBuffer) { _ in }
        try probe.bind(to: address)
        try listen(on: probe, address.endpoint, args)
    }

    func listen(
        on socket: TCPHandle, _ endpoint: UVEndpoint, _ args: SocketEventArgs
    ) throws(UVError) {
        do throws(UVError.Code) {
            try socket.listen(backlog: backlog, args)
        } catch {
            // libuv keeps the error of bind until here.
            let call = error == .addressInUse || error == .addressNotAvailable ? "bind" : "listen"
            throw UVError(call: call, subject: "\(endpoint)", code: error)
        }
    }

    func lookedUp(_ result: Result<[SocketAddress], UVError>) {
        lookup = nil
        guard case .lookingUp = state else { return }
        state = .idle
        do throws(UVError) {
            guard let address = try result.get().first else { return }
            try listen(at: address)
        } catch {
            failed(error)
        }
    }

    private func failed(_ error: UVError) {
        opening.take()?(.failure(error))
        onFailed?(self, error)
    }

    /// Closes the listening handle, for libuv would call back with the same error without end, and
    /// listens again on the same socket after a pause. The clients in its backlog stay there.
    func acceptFailed(_ code: UVError.Code) {
        guard case .listening(let door) = state else { return }
        acceptFailures += 1
        let (pause, isFirst) = gate.failed()
        door.socket.close()
        door.pause.start(after: pause)
        if isFirst {
            let error = UVError(call: "accept", subject: "\(localEndpoint ?? endpoint)", code: code)
            loop.logger.warning("clients wait in the backlog: \(error)")
        }
    }

    /// A connection was accepted; says so in the log where that had failed before.
    func accepted() {
        let failures = gate.accepted()
        guard failures > 0 else { return }
        loop.logger.notice("accepting again", metadata: ["failures": "\(failures)"])
    }

    func listenAgain() {
        guard case .listening(let door) = state else { return }
        do throws(UVError) {
            guard let descriptor = TCPHandle.duplicate(door.spare) else {
                throw UVError(call: "listen again", code: .tooManyOpenFiles)
            }
            let socket: TCPHandle
            do throws(UVError) {
                socket = try TCPHandle(on: loop)
            } catch {
                TCPHandle.closeDescriptor(descriptor)
                throw error
            }
            door.socket = socket
            try socket.open(descriptor)
            try listen(on: socket, endpoint, door.args)
        } catch {
            return acceptFailed(error.code)
        }
        gate.resumed()
        accept(door.args)
    }

    /// Ends listening for good.
    func closeDoor() {
        gate.close()
        desk.close()
        lookup?.cancel()
        lookup = nil
        if case .listening(let door) = state {
            door.socket.close()
            door.held?.socket.reset()
            door.nextTurn.close()
            door.pause.close()
            TCPHandle.closeDescriptor(door.spare)
        }
        state = .stopped
        localEndpoint = nil
        opening.take()?(.failure(UVError(call: "listen", subject: "\(endpoint)", code: .canceled)))
    }
}
