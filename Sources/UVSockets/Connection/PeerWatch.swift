/// Finds peers that have vanished while bytes are on the way to them. They may be silent for as
/// long as the options' keep-alive allows. It looks at an agent's connections from time to time, so
/// no connection and no message costs anything for it.
///
/// The kernel's own TCP_USER_TIMEOUT would also end a peer that is there but does not read. The
/// kernel's keep-alive pauses while bytes are on the way (Linux `tcp_keepalive_timer`).
final class PeerWatch {
    /// How many connections are checked in one turn of the loop, and the pause before the next
    /// ones.
    private static let connectionsAtOnce = 1024
    private static let pause = Duration.milliseconds(10)

    private let loop: UVLoop
    private let connections: () -> [UVConnection]
    private var silence: PeerSilence
    private var next = 0
    private var timer: TimerHandle?

    /// Starts to watch.
    ///
    /// - Parameters:
    ///   - keepAlive: The keep-alive whose patience applies.
    ///   - loop: The loop.
    ///   - connections: Returns the agent's connections.
    /// - Throws: ``UVError`` if there is no memory for a timer.
    init(
        _ keepAlive: UVKeepAlive, on loop: UVLoop, _ connections: @escaping () -> [UVConnection]
    ) throws(UVError) {
        self.loop = loop
        self.connections = connections
        silence = PeerSilence(patience: keepAlive.patience)
        let timer = try TimerHandle(on: loop) { [weak self] in self?.look() }
        timer.keepsLoopRunning = false
        timer.isHousekeeping = true
        timer.start(after: .milliseconds(silence.interval))
        self.timer = timer
    }

    func end() {
        timer?.close()
        timer = nil
    }

    private func look() {
        let all = connections()
        let last = min(next + Self.connectionsAtOnce, all.count)
        // Some connections may have left since the last turn.
        for connection in all[min(next, last)..<last] {
            if connection.isGone(&silence) { connection.sendingBroke("send", .timedOut) }
        }
        next = last < all.count ? last : 0
        if next == 0 { silence.roundEnded() }
        timer?.start(after: next > 0 ? Self.pause : .milliseconds(silence.interval))
    }
}

/// Decides which peers have vanished: those that have not answered the kernel's retransmissions for
/// too long. A pure value. It remembers only peers that still have to answer.
struct PeerSilence {
    /// How long a peer may acknowledge nothing, in milliseconds.
    let patience: UInt64
    /// How often each peer is checked, in milliseconds: a tenth of the patience, but at least a
    /// second.
    let interval: UInt64

    /// When each silent peer was first found silent: as the last round knows it, and as this round
    /// does.
    private var before: [UVConnection.ID: UInt64] = [:]
    private var present: [UVConnection.ID: UInt64] = [:]

    init(patience: UInt64) {
        self.patience = patience
        interval = max(1000, patience / 10)
    }

    /// A peer has not answered yet. One check proves nothing, because the answer may be on its way.
    ///
    /// - Parameters:
    ///   - id: The id of the peer's connection.
    ///   - unanswered: What the peer has not answered.
    ///   - now: The time in milliseconds.
    /// - Returns: Whether the peer has vanished.
    mutating func isGone(_ id: UVConnection.ID, _ unanswered: Unanswered, now: UInt64) -> Bool {
        guard let since = before[id], unanswered.quiet >= now - since else {
            present[id] = now
            return false
        }
        present[id] = since
        // `quiet` may include a time in which nothing was sent, so there was nothing to answer.
        // Then the silence counts from the first check. At that check it had lasted for up to one
        // interval.
        let silence = unanswered.isProbing ? unanswered.quiet : now - since
        return silence + interval >= patience
    }

    /// Every peer was checked.
    mutating func roundEnded() {
        before = present
        present = [:]
    }
}

extension UVConnection {
    /// Whether its peer has acknowledged nothing for too long.
    fileprivate func isGone(_ silence: inout PeerSilence) -> Bool {
        guard !state.isClosed, bytesUnacknowledged > 0,
            let unanswered = handle.unanswered
        else { return false }
        return silence.isGone(id, unanswered, now: loop.now)
    }
}
