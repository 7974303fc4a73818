internal import Logging

extension UVListener {
    /// Whom it has refused.
    public var refusals: UVRefusals {
        loop.confine("UVListener.refusals")
        let refused = desk.refusals
        return UVRefusals(
            denied: refused.denied, perAddress: refused.perAddress, rate: refused.rate,
            full: beyondLimit)
    }

    /// How long the next client has to wait because of the rate; nil where it has not to, or would
    /// be refused rather than wait.
    var waitForRate: Duration? {
        guard desk.policy.acceptsPerSecond != nil, desk.policy.whenFull == .hold else { return nil }
        return desk.wait(now: loop.now).map { .milliseconds($0) }
    }

    /// Makes a connection a client, or sends it away.
    func admit(_ socket: TCPHandle, _ peer: SocketAddress) {
        if gate.isFull {
            beyondLimit += 1
            return refuse(socket, peer, "as many clients as there may be")
        }
        switch desk.decide(peer, now: loop.now) {
        case .admit: join(socket, peer)
        case .refuse(.denied): refuse(socket, peer, "denied")
        case .refuse(.perAddress): refuse(socket, peer, "too many from its address")
        case .refuse(.rate): refuse(socket, peer, "too many in a second")
        }
    }

    /// Says goodbye, as far as the kernel takes it at once, and closes.
    private func refuse(_ socket: TCPHandle, _ peer: SocketAddress, _ reason: String) {
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
