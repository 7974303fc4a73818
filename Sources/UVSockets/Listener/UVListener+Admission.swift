internal import Logging

extension UVListener {
    /// How many clients it has refused, by reason.
    public var refusals: UVRefusals {
        loop.confine("UVListener.refusals")
        return refused
    }

    /// Makes an accepted connection a client, holds it, hands it over, or refuses it.
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
                return accepted.reset(on: loop)
            }
            listening.held = accepted
        case .refuse(let reason):
            refused.count(reason)
            refuse(accepted, reason)
        }
    }

    /// Sends the goodbye, as far as the kernel takes it at once, and closes the connection.
    private func refuse(_ accepted: ConnectedStream, _ reason: AdmissionDecision.Reason) {
        loop.logger.debug(
            "refused", metadata: ["peer": "\(accepted.peer.endpoint)", "reason": "\(reason)"])
        if case .refuse(let goodbye) = part.admissions.policy.whenFull {
            accepted.close(on: loop, saying: goodbye)
        } else {
            accepted.close(on: loop)
        }
    }

    /// An admitted client is gone. Another client may take its place.
    func clientLeft(_ address: SocketAddress) {
        letNextIn(part.admissions.left(address, part: part.index))
    }

    /// Tells the listener with this number that it may accept next. This listener needs no such
    /// message for itself.
    func letNextIn(_ index: Int?) {
        guard let index, index != part.index, let server else { return }
        // The loop has ended by itself. Without this, its place would stay reserved for ever.
        if !server.parts[index].post({ $0.acceptNext() }) {
            letNextIn(part.admissions.close(index))
        }
    }

    /// A pause after a failure, or for the rate, is over.
    func pauseEnded() {
        gate.resumed()
        accept()
    }

    /// How many clients the descriptor limit allows, at most the number that was asked for.
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

    /// Descriptors reserved for everything except clients.
    private static var reservedDescriptors: Int { 64 }
    /// Descriptors that each further loop and its listener need.
    private static var descriptorsPerLoop: Int { 16 }
}
