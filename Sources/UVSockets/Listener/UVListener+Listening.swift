internal import Logging

extension UVListener {
    func listen(at address: SocketAddress) throws(UVError) {
        do throws(UVError) {
            try bindAndListen(address)
        } catch {
            // A machine without IPv6 refuses its wildcard address.
            let isWithoutIPv6 =
                error.code == .addressFamilyNotSupported || error.code == .addressNotAvailable
            guard endpoint.host == "::", !isIPv6Only, address.isIPv6, isWithoutIPv6,
                let wildcard = SocketAddress(UVEndpoint(host: "0.0.0.0", port: endpoint.port))
            else { throw error }
            try bindAndListen(wildcard)
        }
    }

    private func bindAndListen(_ address: SocketAddress) throws(UVError) {
        // The first of several that share a port finds out whether it is somebody else's.
        if part.admissions.balance == .kernel, part.index == 0, address.port != 0 {
            try ListeningSocket.checkIsFree(address, isIPv6Only: isIPv6Only)
        }
        try startAccept(at: address)
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
        failureCallback?(self, error)
    }

    /// Accepts nobody for a while. The clients stay in the backlog.
    func acceptFailed(_ code: UVError.Code) {
        failures += 1
        let (pause, isFirst) = gate.failed()
        if isFirst, let times = loop.throttles.acceptFailures.times() {
            let error = UVError(call: "accept", subject: "\(localEndpoint ?? endpoint)", code: code)
            loop.logger.warning(
                "clients wait in the backlog: \(error)", metadata: ["times": "\(times)"])
        }
        if case .listening(let listening) = state { listening.pause.start(after: pause) }
    }

    /// A connection was accepted; says so in the log where that had failed before.
    func noteAccepted() {
        let failures = gate.accepted()
        guard failures > 0, loop.throttles.acceptRecoveries.times() != nil else { return }
        loop.logger.notice("accepting again", metadata: ["failures": "\(failures)"])
    }

    /// Ends listening for good.
    func stopListening() {
        gate.close()
        letNextIn(part.admissions.close(part.index))
        lookup?.cancel()
        lookup = nil
        if case .listening(let listening) = state { listening.close() }
        state = .stopped
        boundEndpoint = nil
        opening.take()?(.failure(UVError(call: "listen", subject: "\(endpoint)", code: .canceled)))
    }
}
