internal import Logging

extension UVListener {
    /// Whom it has refused.
    public var refusals: UVRefusals {
        loop.confine("UVListener.refusals")
        return refused
    }

    /// Makes an accepted connection a client, or sends it away.
    func admit(_ accepted: ConnectedStream) {
        let (decision, next) = part.admissions.decide(
            accepted.peer, now: loop.now, part: part.index)
        letNextIn(next)
        switch decision {
        case .admit: join(accepted)
        case .pass(let index): handOver(accepted, toPart: index)
        case .hold:
            guard case .listening(let listening) = state else {
                letNextIn(part.admissions.close(part.index))
                return accepted.reset()
            }
            listening.held = accepted
        case .refuse(let reason):
            refused.count(reason)
            refuse(accepted, reason)
        }
    }

    /// Says goodbye, as far as the kernel takes it at once, and closes.
    private func refuse(_ accepted: ConnectedStream, _ reason: AdmissionDecision.Reason) {
        loop.logger.debug(
            "refused", metadata: ["peer": "\(accepted.peer.endpoint)", "reason": "\(reason)"])
        if case .refuse(let goodbye) = part.admissions.policy.whenFull {
            accepted.close(saying: goodbye)
        } else {
            accepted.close()
        }
    }

    /// A client that was admitted is gone. Another may have its place.
    func clientLeft(_ address: SocketAddress) {
        letNextIn(part.admissions.left(address, part: part.index))
    }

    /// Tells the listener that is to accept next. This one goes on by itself.
    func letNextIn(_ index: Int?) {
        guard let index, index != part.index, let server else { return }
        // A loop that has ended by itself would keep its place for ever.
        if !server.parts[index].post({ $0.acceptNext() }) {
            letNextIn(part.admissions.close(index))
        }
    }

    /// A pause, after a failure or for the rate, is over.
    func pauseEnded() {
        gate.resumed()
        accept()
    }

    /// How many clients the descriptors allow, at most as many as were asked for.
    static func connectionLimit(_ wanted: Int?, loops: Int, _ logger: Logger) -> Int {
        let reserved = reservedDescriptors + (loops - 1) * descriptorsPerLoop
        let possible = max(1, DescriptorLimit.current - reserved)
        guard let wanted else { return possible }
        if wanted > possible {
            logger.warning(
                """
                maxConnections lowered from \(wanted) to \(possible): \
                the process may open \(DescriptorLimit.current) descriptors
                """)
        }
        return max(1, min(wanted, possible))
    }

    /// Descriptors that are left for everything but clients.
    private static var reservedDescriptors: Int { 64 }
    /// What each further loop and its listener take.
    private static var descriptorsPerLoop: Int { 16 }
}
