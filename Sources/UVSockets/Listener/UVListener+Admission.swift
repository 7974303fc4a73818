internal import Logging

extension UVListener {
    /// Whom it has refused.
    public var refusals: UVRefusals {
        loop.confine("UVListener.refusals")
        return refused
    }

    /// Makes a connection a client, or sends it away.
    func admit(_ socket: TCPHandle, _ peer: SocketAddress) {
        switch desk.decide(peer, now: loop.now) {
        case .admit: join(socket, peer)
        case .pass(let part): handOver(socket, peer, toPart: part)
        case .hold:
            guard case .listening(let door) = state else {
                desk.close()
                return socket.reset()
            }
            door.held = (socket, peer)
        case .refuse(let reason):
            refused.count(reason)
            refuse(socket, peer, reason)
        }
    }

    /// Says goodbye, as far as the kernel takes it at once, and closes.
    private func refuse(
        _ socket: TCPHandle, _ peer: SocketAddress, _ reason: AdmissionDecision.Reason
    ) {
        loop.logger.debug("refused", metadata: ["peer": "\(peer.endpoint)", "reason": "\(reason)"])
        if case .refuse(let goodbye) = desk.policy.whenFull, !goodbye.isEmpty {
            // A client that has gone already needs no goodbye.
            _ = try? socket.tryWrite(goodbye.span)
        }
        socket.close()
    }

    /// A pause, after a failure or for the rate, is over.
    func pauseEnded(_ args: SocketEventArgs) {
        if gate.isPaused { listenAgain() } else { accept(args) }
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
