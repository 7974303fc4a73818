import UVSockets

/// Turns the snapshots of servers into metrics. Their names are an interface: they stay.
struct ServerFamilies {
    private typealias Sample = MetricFamily.Sample
    private typealias Labels = [(name: String, value: String)]

    private let servers:
        [(name: String, loops: [(loop: Int, metrics: ListenerMetrics?, age: Double)])]

    init(_ servers: [ServerMetrics]) {
        self.init(servers.map { ($0.name, $0.snapshots()) })
    }

    init(
        _ servers: [(name: String, loops: [(loop: Int, metrics: ListenerMetrics?, age: Double)])]
    ) {
        self.servers = servers
    }

    /// All metrics.
    var all: [MetricFamily] {
        clients + traffic + broadcasts + guards + accepting + stops + loops
    }

    // MARK: - How values come together

    /// A value for each server: the sum over its loops.
    private func sum(
        _ name: String, _ kind: MetricFamily.Kind, _ help: String,
        _ count: (ListenerMetrics) -> UInt64
    ) -> MetricFamily {
        let samples = servers.map { server in
            Sample(
                labels: [("listener", server.name)],
                value: .integer(server.loops.reduce(0) { $0 + ($1.metrics.map(count) ?? 0) }))
        }
        return MetricFamily("uvsockets_" + name, kind, help, samples)
    }

    /// A value for each server that all of its loops share.
    private func shared(
        _ name: String, _ help: String, _ value: (ListenerMetrics) -> UInt64
    ) -> MetricFamily {
        let samples = servers.map { server in
            Sample(
                labels: [("listener", server.name)],
                value: .integer(server.loops.compactMap { $0.metrics.map(value) }.max() ?? 0))
        }
        return MetricFamily("uvsockets_" + name, .gauge, help, samples)
    }

    /// Values for each server by another label: the sums over its loops.
    private func sums(
        _ name: String, _ kind: MetricFamily.Kind, _ help: String, by label: String,
        _ counts: (ListenerMetrics) -> [(String, UInt64)]
    ) -> MetricFamily {
        let samples = servers.flatMap { server in
            var sums: [(String, UInt64)] = []
            for loop in server.loops {
                for (value, count) in loop.metrics.map(counts) ?? [] {
                    if let index = sums.firstIndex(where: { $0.0 == value }) {
                        sums[index].1 += count
                    } else {
                        sums.append((value, count))
                    }
                }
            }
            return sums.map { value, count in
                Sample(
                    labels: [("listener", server.name), (label, value)], value: .integer(count))
            }
        }
        return MetricFamily("uvsockets_" + name, kind, help, samples)
    }

    /// A value for each loop of each server.
    private func perLoop(
        _ name: String, _ kind: MetricFamily.Kind, _ help: String,
        _ value: (ListenerMetrics?, Double) -> MetricFamily.Value
    ) -> MetricFamily {
        let samples = servers.flatMap { server in
            server.loops.map { loop in
                Sample(
                    labels: [("listener", server.name), ("loop", "\(loop.loop)")],
                    value: value(loop.metrics, loop.age))
            }
        }
        return MetricFamily("uvsockets_" + name, kind, help, samples)
    }

    // MARK: - The metrics

    private var clients: [MetricFamily] {
        [
            sum("connections", .gauge, "Clients now.") { UInt64($0.stats.clients) },
            shared("connections_limit", "How many clients there may be.") {
                UInt64($0.stats.maxConnections)
            },
            shared("connections_peak", "The greatest number of clients at a time so far.") {
                UInt64($0.stats.peakClients)
            },
            sum("connections_accepted_total", .counter, "Clients so far.") { $0.stats.accepted },
            sums(
                "connections_refused_total", .counter, "Clients that were not let in.",
                by: "reason"
            ) {
                let refusals = $0.stats.refusals
                return [
                    ("denied", UInt64(refusals.denied)),
                    ("per_address", UInt64(refusals.perAddress)),
                    ("rate", UInt64(refusals.rate)), ("full", UInt64(refusals.full)),
                ]
            },
            sums(
                "connections_ended_total", .counter, "Clients that have ended.", by: "reason"
            ) { metrics in
                UVEndReason.Kind.allCases.map {
                    (Self.label(of: $0), metrics.stats.ends[$0, default: 0])
                }
            },
            durations,
            sums(
                "held_connections", .gauge, "Clients that are not received from now.", by: "by"
            ) { $0.held.map { ($0.by, UInt64($0.clients)) } },
        ]
    }

    private var durations: MetricFamily {
        let samples = servers.map { server in
            var sum = DurationCounts()
            for loop in server.loops { loop.metrics.map { sum.add($0.durations) } }
            var count: UInt64 = 0
            var buckets: [(Double, UInt64)] = []
            for (bound, inBucket) in zip(DurationCounts.bounds, sum.counts) {
                count += inBucket
                buckets.append((Double(bound) / 1000, count))
            }
            count += sum.counts.last ?? 0
            return Sample(
                labels: [("listener", server.name)],
                value: .histogram(
                    .init(buckets: buckets, count: count, sum: Double(sum.sum) / 1000)))
        }
        return MetricFamily(
            "uvsockets_connection_duration_seconds", .histogram,
            "How long the clients that have ended had lasted.", samples)
    }

    private var traffic: [MetricFamily] {
        [
            sum("received_bytes_total", .counter, "Bytes received from clients.") {
                $0.stats.bytesReceived
            },
            sum("sent_bytes_total", .counter, "Bytes that the kernel has taken for clients.") {
                $0.stats.bytesSent
            },
            sum(
                "received_messages_total", .counter,
                "Whole messages received; without a framing, reads."
            ) { $0.stats.messagesReceived },
            sum("queued_bytes", .gauge, "Bytes that wait in the queues of clients.") {
                UInt64(clamping: $0.stats.bytesQueued)
            },
        ]
    }

    private var broadcasts: [MetricFamily] {
        [
            sums(
                "broadcast_deliveries_total", .counter,
                "What became of broadcasts, a count for each client.", by: "outcome"
            ) { $0.broadcasts },
            sums(
                "slow_receivers_total", .counter,
                "How often a broadcast met a slow client, by what was done.", by: "policy"
            ) { metrics in
                func count(_ outcome: String) -> UInt64 {
                    metrics.broadcasts.first { $0.outcome == outcome }?.count ?? 0
                }
                return [
                    ("disconnect", count("disconnected")), ("skip", count("skipped")),
                    ("keep_latest", count("replaced")), ("wait", metrics.broadcastWaits),
                ]
            },
        ]
    }

    private var guards: [MetricFamily] {
        [
            sum(
                "high_watermark_rises_total", .counter,
                "How often a queue has risen above the high watermark."
            ) { $0.watermarkRises },
            sum(
                "outbound_budget_evictions_total", .counter,
                "Clients that were reset because all queues together had too many bytes."
            ) { $0.stats.evictions },
            sum(
                "rate_holds_total", .counter,
                "How often a client was held back because it sent more than its rate."
            ) { $0.stats.rateHolds },
            sum(
                "receive_turns_used_up_total", .counter,
                "How often a client had received its share of a turn."
            ) { $0.stats.turnsUsedUp },
            sum(
                "task_limit_holds_total", .counter,
                "How often a client was held back because it had as many tasks as it may."
            ) { $0.taskHolds },
            sum(
                "slow_handlers_total", .counter,
                "How often a handler took longer than the warning time."
            ) { $0.stats.slowHandlers },
            sum(
                "flush_timeouts_total", .counter,
                "How often what was queued did not leave in time when a client was closed."
            ) { $0.flushTimeouts },
            sum(
                "linger_timeouts_total", .counter,
                "How often a client did not close in time when it was closed."
            ) { $0.lingerTimeouts },
        ]
    }

    private var accepting: [MetricFamily] {
        [
            sums("accept_errors_total", .counter, "Calls of accept that failed.", by: "errno") {
                $0.acceptErrors.map { ($0.errno, $0.count) }
            },
            shared(
                "accept_paused", "1 while nobody is accepted because accepting has failed."
            ) { $0.isAcceptPaused ? 1 : 0 },
            sum(
                "accept_holds_total", .counter,
                "How often clients had to wait in the backlog until one left."
            ) { $0.acceptHolds },
            sum(
                "accept_turns_used_up_total", .counter,
                "How often as many clients were accepted in a turn as may be."
            ) { $0.acceptYields },
            sum(
                "backlog_drops_total", .counter,
                "Clients that the kernel ignored because the backlog was full."
            ) { $0.backlogDrops },
        ]
    }

    private var stops: [MetricFamily] {
        [
            sums(
                "drained_connections_total", .counter,
                "What became of the clients when the server stopped.", by: "outcome"
            ) { [("drained", $0.drained), ("cut_off", $0.cutOff)] },
            sum(
                "drain_lost_bytes_total", .counter,
                "Bytes that clients did not get when the server stopped."
            ) { $0.bytesLost },
        ]
    }

    private var loops: [MetricFamily] {
        [
            perLoop(
                "snapshot_age_seconds", .gauge,
                "How old the loop's numbers are; +Inf if it has never answered."
            ) { .number($1) },
            perLoop(
                "submissions_waiting", .gauge,
                "Closures and messages of other threads that wait for the loop."
            ) { metrics, _ in .integer(UInt64(metrics?.submissionsWaiting ?? 0)) },
            perLoop(
                "submissions_refused_total", .counter,
                "Closures and messages of other threads that were refused: too many waited."
            ) { metrics, _ in .integer(metrics?.submissionsRefused ?? 0) },
            perLoop(
                "task_turns_used_up_total", .counter,
                "How often a task waited for the next turn because tasks had sent enough."
            ) { metrics, _ in .integer(metrics?.taskYields ?? 0) },
            perLoop("recorder_events_total", .counter, "Events that the loop has recorded.") {
                metrics, _ in .integer(metrics?.recordedEvents ?? 0)
            },
        ]
    }

    /// Turns `peerClosed` into `peer_closed`.
    private static func label(of kind: UVEndReason.Kind) -> String {
        "\(kind)".map { $0.isUppercase ? "_\($0.lowercased())" : "\($0)" }.joined()
    }
}
