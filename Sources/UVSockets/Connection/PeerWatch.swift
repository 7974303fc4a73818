/// Finds peers that are gone although bytes are underway to them, for as long as the options'
/// keep-alive has patience. It looks at an agent's connections now and then, so that neither a
/// connection nor a message costs anything for it.
///
/// The kernel's own TCP_USER_TIMEOUT would also end a peer that is there and does not read. The
/// keep-alive of the kernel rests while bytes are underway (Linux `tcp_keepalive_timer`).
final class PeerWatch {
    /// How many connections are looked at in one turn of the loop, and how long after them the next.
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
    ///   - keepAlive: Whose patience counts.
    ///   - loop: The loop.
    ///   - connections: Gives the agent's connections.
    /// - Throws: ``UVError`` where there is no memory for a timer.
    init(
        _ keepAlive: UVKeepAlive, on loop: UVLoop, _ connections: @escaping () -> [UVConnection]
    ) throws(UVError) {
        self.loop = loop
        self.connections = connections
        silence = PeerSilence(patience: keepAlive.patience)
        let timer = try TimerHandle(on: loop) { [weak self] in self?.look() }
        timer.keepsLoopRunning = false
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
        // Some may have left since the last turn.
        for connection in all[min(next, last)..<last] {
            if connection.isGone(&silence) { connection.sendingBroke("send", .timedOut) }
        }
        next = last < all.count ? last : 0
        if next == 0 { silence.roundEnded() }
        timer?.start(after: next > 0 ? Self.pause : .milliseconds(silence.interval))
    }
}

/// Decides which peers are gone: they have not answered for long what the kernel has repeated. A pure
/// value, which remembers only those that have something to answer.
struct PeerSilence {
    /// How long nothing may be acknowledged, in milliseconds.
    let patience: UInt64
    /// How often each is to be looked at: a tenth of that, but at least a second.
    let interval: UInt64

    /// Since when which peers have answered nothing, as the last round found, and as this one does.
    private var before: [UVConnection.ID: UInt64] = [:]
    private var present: [UVConnection.ID: UInt64] = [:]

    init(patience: UInt64) {
        self.patience = patience
        interval = max(1000, patience / 10)
    }

    /// A peer has something to answer. One look proves nothing: the answer may be on its way.
    ///
    /// - Parameters:
    ///   - id: Whose peer it is.
    ///   - unanswered: What it has not answered.
    ///   - now: The time.
    /// - Returns: Whether it is gone.
    mutating func isGone(_ id: UVConnection.ID, _ unanswered: Unanswered, now: UInt64) -> Bool {
        guard let since = before[id], unanswered.quiet >= now - since else {
            present[id] = now
            return false
        }
        present[id] = since
        // One that was sent nothing for long was not asked for as long. When it was found first not to
        // answer, it had not done so for up to an interval.
        let silence = unanswered.isProbing ? unanswered.quiet : now - since
        return silence + interval >= patience
    }

    /// Each was looked at.
    mutating func roundEnded() {
        before = present
        present = [:]
    }
}

extension UVConnection {
    /// Whether its peer acknowledges nothing for too long.
    fileprivate func isGone(_ silence: inout PeerSilence) -> Bool {
        guard !state.isClosed, bytesUnacknowledged > 0,
            let unanswered = handle.unanswered
        else { return false }
        return silence.isGone(id, unanswered, now: loop.now)
    }
}
