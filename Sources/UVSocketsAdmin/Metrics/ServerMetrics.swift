import UVSockets

/// The metrics of one server: the last snapshot of each of its loops.
final class ServerMetrics: Sendable {
    private struct Snapshot {
        let metrics: ListenerMetrics
        let at: ContinuousClock.Instant
    }

    let name: String
    private let questions: Questions
    private let last = Locked<[Int: Snapshot]>([:])

    init(_ server: UVServerHandle, _ name: String) {
        self.name = name
        questions = Questions(server)
    }

    /// Asks the loops. The snapshots of those that do not answer stay.
    func update(within limit: Duration, _ alarm: Alarm) async {
        let answers = await questions.ask("metrics", within: limit, alarm) { listener, reply in
            listener.collectMetrics(reply)
        }
        let now = ContinuousClock.now
        last.withLock { last in
            for (loop, metrics) in answers.all { last[loop] = Snapshot(metrics: metrics, at: now) }
        }
    }

    /// The snapshots by their loops, with their ages in seconds; nil for a loop that has never
    /// answered.
    func snapshots() -> [(loop: Int, metrics: ListenerMetrics?, age: Double)] {
        let now = ContinuousClock.now
        return last.withLock { last in
            (0..<questions.server.loopCount).map { loop in
                let snapshot = last[loop]
                return (
                    loop, snapshot?.metrics,
                    snapshot.map { (now - $0.at) / .seconds(1) } ?? .infinity
                )
            }
        }
    }
}
