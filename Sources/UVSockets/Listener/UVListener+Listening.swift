internal import Logging

extension UVListener {
    func failed(_ error: UVError) {
        opening.take()?(.failure(error))
        loop.running(.failed, origin) { failureCallback?(self, error) }
    }

    /// Accepts nobody for a while. New clients stay in the backlog.
    func acceptFailed(_ code: UVError.Code) {
        failures += 1
        acceptCounts.count(code)
        let (pause, isFirst) = gate.failed()
        if isFirst, let times = loop.throttles.acceptFailures.times() {
            let subject = "\(boundEndpoints.first ?? endpoint)"
            let error = UVError(call: "accept", subject: subject, code: code)
            loop.logger.warning(
                "cannot accept, clients wait in the backlog: \(error)",
                metadata: ["times": "\(times)"])
        }
        if case .listening(let listening) = state { listening.pause.start(after: pause) }
    }

    /// A connection was accepted. Logs this if accepting had failed before.
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
        boundEndpoints = []
        opening.take()?(.failure(UVError(call: "listen", subject: "\(endpoint)", code: .canceled)))
    }
}

extension UVListener.Listening {
    /// How many clients wait in the backlogs, and how many may; nil if the system does not tell.
    var backlog: (waiting: Int, limit: Int)? {
        let all = sockets.compactMap(\.backlog)
        guard !all.isEmpty else { return nil }
        return all.reduce((0, 0)) { ($0.0 + $1.waiting, $0.1 + $1.limit) }
    }

    /// How many clients the kernel has turned away because the backlog was full.
    var drops: UInt64 { sockets.reduce(0) { $0 + UInt64($1.drops) } }
}
