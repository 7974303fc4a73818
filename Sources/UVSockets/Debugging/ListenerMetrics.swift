/// All counts and levels of one listener and its loop at one moment.
package struct ListenerMetrics: Sendable {
    /// The public statistics.
    package var stats = UVListenerStats()
    package var durations = DurationCounts()
    /// How many clients are not received from, by the reason in words that suit a label.
    package var held: [(by: String, clients: Int)] = []
    /// What became of broadcasts, a count for each client.
    package var broadcasts: [(outcome: String, count: UInt64)] = []
    /// How often a broadcast was not sent because slow clients were waited for.
    package var broadcastWaits: UInt64 = 0
    package var watermarkRises: UInt64 = 0
    package var taskHolds: UInt64 = 0
    package var flushTimeouts: UInt64 = 0
    package var lingerTimeouts: UInt64 = 0
    /// The errors of accept, by their names.
    package var acceptErrors: [(errno: String, count: UInt64)] = []
    /// Whether nobody is accepted for a moment, because accepting has failed.
    package var isAcceptPaused = false
    package var acceptHolds: UInt64 = 0
    package var acceptYields: UInt64 = 0
    /// How many clients the kernel has turned away because the backlog was full.
    package var backlogDrops: UInt64 = 0
    package var drained: UInt64 = 0
    package var cutOff: UInt64 = 0
    package var bytesLost: UInt64 = 0
    /// Whether the listener stops or has stopped.
    package var isStopping = false

    // Of the loop, which other listeners may share.
    package var submissionsWaiting = 0
    package var submissionsRefused: UInt64 = 0
    package var taskYields: UInt64 = 0
    package var recordedEvents: UInt64 = 0
}

/// What is summed over the clients, some in each turn of the loop.
private final class ClientSums {
    var stats: UVListenerStats
    var held = [Int](repeating: 0, count: ReceiveHolds.labels.count)

    init(_ past: UVListenerStats) {
        stats = past
    }

    func add(_ client: UVConnection) {
        stats.add(client)
        guard !client.holds.isEmpty, !client.state.isClosed else { return }
        for (index, label) in ReceiveHolds.labels.enumerated()
        where client.holds.contains(label.hold) {
            held[index] += 1
        }
    }
}

extension UVListener {
    /// Collects the statistics, without holding the loop: see ``visitClients(_:completion:)``.
    ///
    /// The counts never decrease from one collection to the next.
    func collectStats(_ reply: @escaping (UVListenerStats) -> Void) {
        let sums = ClientSums(past.stats)
        visitClients {
            sums.add($0)
        } completion: { [self] in
            reply(complete(sums.stats))
        }
    }

    /// Collects all that is measured, without holding the loop.
    package func collectMetrics(_ reply: @escaping (ListenerMetrics) -> Void) {
        let sums = ClientSums(past.stats)
        // The durations are of the same ends as the counts in `past`.
        let durations = past.durations
        visitClients {
            sums.add($0)
        } completion: { [self] in
            reply(metrics(sums, durations))
        }
    }

    private func metrics(_ sums: ClientSums, _ durations: DurationCounts) -> ListenerMetrics {
        var metrics = ListenerMetrics()
        let guards = events.guards
        metrics.stats = complete(sums.stats)
        metrics.durations = durations
        metrics.held = zip(ReceiveHolds.labels, sums.held).map { ($0.label, $1) }
        metrics.broadcasts = [
            ("sent", guards.sentAtOnce), ("queued", guards.queued),
            ("replaced", guards.replacements), ("skipped", guards.skips),
            ("disconnected", guards.disconnections),
        ]
        metrics.broadcastWaits = guards.waits
        metrics.watermarkRises = guards.watermarkRises
        metrics.taskHolds = guards.taskHolds
        metrics.flushTimeouts = guards.flushTimeouts
        metrics.lingerTimeouts = guards.lingerTimeouts
        addAcceptCounts(to: &metrics)
        let submissions = loop.inbox.counts
        metrics.submissionsWaiting = submissions.waiting
        metrics.submissionsRefused = submissions.refused
        metrics.taskYields = loop.taskYields
        metrics.recordedEvents = loop.recorder?.count ?? 0
        return metrics
    }

    private func addAcceptCounts(to metrics: inout ListenerMetrics) {
        metrics.acceptErrors = acceptCounts.errors.sorted { $0.key < $1.key }.map {
            ($0.key == 0 ? "other" : UVError.Code(rawValue: $0.key).name, $0.value)
        }
        metrics.isAcceptPaused = gate.isPaused
        metrics.acceptHolds = acceptCounts.holds
        metrics.acceptYields = acceptCounts.yields
        if case .listening(let listening) = state { metrics.backlogDrops = listening.drops }
        metrics.drained = acceptCounts.drained
        metrics.cutOff = acceptCounts.cutOff
        metrics.bytesLost = acceptCounts.bytesLost
        metrics.isStopping = isStopping
    }

    /// Whether it stops or has stopped.
    package var isStopping: Bool {
        if case .stopped = state { true } else { drain != nil }
    }
}

extension ReceiveHolds {
    /// The holds that are counted, as labels of a metric.
    static let labels: [(hold: ReceiveHolds, label: String)] = [
        (.paused, "paused"), (.sendQueue, "send_queue"), (.rate, "rate"), (.turn, "turn"),
        (.task, "task"), (.finished, "stopping"), (.relay, "relay"),
    ]
}
