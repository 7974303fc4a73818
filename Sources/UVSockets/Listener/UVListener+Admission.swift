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
}
