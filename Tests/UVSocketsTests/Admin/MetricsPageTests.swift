import Foundation
import Testing

@testable import UVSockets
@testable import UVSocketsAdmin

@Suite("The metrics of a server", .ownThreads, .timeLimit(.minutes(1)))
struct MetricsPageTests {
    /// The values by their names and labels.
    static func values(_ text: some Sequence<String>) -> [String: String] {
        var values: [String: String] = [:]
        for line in text where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            let key = String(line[..<space])
            #expect(values[key] == nil, "\(key) is there twice")
            values[key] = String(line[line.index(after: space)...])
        }
        return values
    }

    /// The names are an interface: a change breaks the dashboards of users.
    static let names = [
        "accept_errors_total counter errno,listener", "accept_holds_total counter listener",
        "accept_paused gauge listener", "accept_turns_used_up_total counter listener",
        "backlog_drops_total counter listener",
        "broadcast_deliveries_total counter listener,outcome", "build_info gauge libuv,swift",
        "connection_duration_seconds histogram listener", "connections gauge listener",
        "connections_accepted_total counter listener",
        "connections_ended_total counter listener,reason", "connections_limit gauge listener",
        "connections_peak gauge listener", "connections_refused_total counter listener,reason",
        "descriptors_free gauge ", "drain_lost_bytes_total counter listener",
        "drained_connections_total counter listener,outcome",
        "flush_timeouts_total counter listener", "held_connections gauge by,listener",
        "high_watermark_rises_total counter listener", "linger_timeouts_total counter listener",
        "outbound_budget_evictions_total counter listener", "queued_bytes gauge listener",
        "rate_holds_total counter listener", "receive_turns_used_up_total counter listener",
        "received_bytes_total counter listener", "received_messages_total counter listener",
        "recorder_events_total counter listener,loop", "sent_bytes_total counter listener",
        "slow_handlers_total counter listener", "slow_receivers_total counter listener,policy",
        "snapshot_age_seconds gauge listener,loop",
        "submissions_refused_total counter listener,loop",
        "submissions_waiting gauge listener,loop", "task_limit_holds_total counter listener",
        "task_turns_used_up_total counter listener,loop",
    ]

    @Test("The names, kinds and labels are these")
    func golden() throws {
        var metrics = ListenerMetrics()
        // Otherwise there is no error to name.
        metrics.acceptErrors = [("EMFILE", 1)]
        metrics.held = [("paused", 1)]
        metrics.broadcasts = [("sent", 1)]
        let loops: [(Int, ListenerMetrics?, Double)] = [(0, metrics, 0.5)]
        let families = ServerFamilies([(name: "x", loops: loops)]).all + ProcessFamilies.all
        let found = families.map { family in
            let labels = Set(family.samples.flatMap { $0.labels.map(\.name) }).sorted()
            return "\(family.name) \(family.kind.rawValue) \(labels.joined(separator: ","))"
        }
        #expect(found.sorted() == Self.names.map { "uvsockets_" + $0 })
        #expect(families.allSatisfy { $0.help.hasSuffix(".") || $0.help.contains(";") })
    }

    @Test("Counts are those of all loops, and of those who have gone")
    func counts() async throws {
        try await withGroup(framing: .lines) { server in
            let admin = try makeAdmin(server.remote)
            let one = try Operator(at: admin.endpoint)
            let peers = try server.connect(5)
            for peer in peers { #expect(try peer.exchange([0x61, 0x0A]) == [0x61, 0x0A]) }
            #expect(try one.ask("broadcast hi") == ["sent to 5 clients"])
            for peer in peers.prefix(2) {
                _ = try peer.receive(3)
                peer.close()
            }
            try server.departure(of: 2)
            let values = Self.values(try one.ask("metrics"))
            func value(_ name: String, _ labels: String = "") -> String? {
                values["uvsockets_\(name){listener=\"server\"\(labels)}"]
            }
            #expect(value("connections") == "3")
            #expect(value("connections_peak") == "5")
            #expect(value("connections_accepted_total") == "5")
            #expect(value("connections_ended_total", ",reason=\"peer_closed\"") == "2")
            #expect(value("connection_duration_seconds_count") == "2")
            #expect(value("received_bytes_total") == "10")
            #expect(value("received_messages_total") == "5")
            #expect(value("sent_bytes_total") == "25")
            #expect(value("queued_bytes") == "0")
            #expect(value("broadcast_deliveries_total", ",outcome=\"sent\"") == "5")
            #expect(value("held_connections", ",by=\"paused\"") == "0")
            for loop in 0..<3 {
                let age = value("snapshot_age_seconds", ",loop=\"\(loop)\"").flatMap(Double.init)
                #expect(try #require(age) < 30)
            }
            #expect(Int(values["uvsockets_descriptors_free"] ?? "").map { $0 > 0 } == true)
        }
    }

    @Test("A blocked loop does not delay it: its last numbers are shown, and how old they are")
    func blocked() async throws {
        try await withGroup { server in
            let admin = try makeAdmin(server.remote) { $0.answerTime = .milliseconds(50) }
            let one = try Operator(at: admin.endpoint)
            let peers = try server.connect(3)
            try withBlockedLoops(server.remote) {
                let values = Self.values(try one.ask("metrics"))
                #expect(values["uvsockets_connections{listener=\"server\"}"] == "0")
                let age = "uvsockets_snapshot_age_seconds{listener=\"server\",loop=\"0\"}"
                #expect(values[age] == "+Inf")
            }
            try until {
                Self.values(try one.ask("metrics"))["uvsockets_connections{listener=\"server\"}"]
                    == "3"
            }
            try withBlockedLoops(server.remote) {
                // The age of the numbers is what is tested.
                Thread.sleep(forTimeInterval: 0.1)
                let values = Self.values(try one.ask("metrics"))
                #expect(values["uvsockets_connections{listener=\"server\"}"] == "3")
                for loop in 0..<3 {
                    let age = values[
                        "uvsockets_snapshot_age_seconds{listener=\"server\",loop=\"\(loop)\"}"]
                    #expect(age.flatMap(Double.init).map { $0 > 0.1 } == true)
                }
            }
            withExtendedLifetime(peers) {}
        }
    }

    @Test("Several servers share a page")
    func several() async throws {
        try await withGroup(loops: 1) { server in
            let other = try server.ask { _ in
                try await server.group.listen(at: "127.0.0.1:0") { _ in echo }
            }
            let page = UVMetricsPage(
                for: server.remote, named: "one", answerWithin: .seconds(20))
            page.add(other, named: "other")
            page.add(other, named: "one")
            let admin = try makeAdmin(server.remote) { $0.metrics = page }
            let peer = try server.arrive().peer
            let values = Self.values(try Operator(at: admin.endpoint).ask("metrics"))
            #expect(values["uvsockets_connections{listener=\"one\"}"] == "1")
            #expect(values["uvsockets_connections{listener=\"other\"}"] == "0")
            withExtendedLifetime(peer) {}
        }
    }

    // MARK: - The guards

    /// For each bound of the README's table, the metrics that count what is beyond it.
    private static let guards: [(row: String, metrics: [String])] = [
        ("UVListenerOptions.maxConnections", ["accept_holds_total", "connections_refused_total"]),
        ("UVListener(backlog:)", ["backlog_drops_total"]),
        ("UVConnectionOptions.highWatermark", ["high_watermark_rises_total", "held_connections"]),
        ("UVConnectionOptions.sendLimit", ["connections_ended_total"]),
        ("UVConnectionOptions.softSendLimit", ["connections_ended_total"]),
        ("UVConnectionOptions.writeStallTimeout", ["connections_ended_total"]),
        ("UVConnectionOptions.taskLimit", ["task_limit_holds_total"]),
        ("UVConnectionOptions.idleTimeout", ["connections_ended_total"]),
        ("UVListenerOptions.admission", ["connections_refused_total"]),
        ("UVListenerOptions.outboundBudget", ["outbound_budget_evictions_total"]),
        ("UVConnectionOptions.bytesPerSecond", ["rate_holds_total"]),
        ("UVConnectionOptions.receiveBudget", ["receive_turns_used_up_total"]),
        ("UVConnectionOptions.flushTimeout", ["flush_timeouts_total"]),
        ("UVConnectionOptions.lingerTimeout", ["linger_timeouts_total"]),
        ("UVConnectionOptions.keepAlive", ["connections_ended_total"]),
        ("UVListener.stop(drainFor:)", ["drained_connections_total", "drain_lost_bytes_total"]),
        ("UVLoop(recordedEvents:)", ["recorder_events_total"]),
        ("ended clients of a listener", ["connections_ended_total"]),
        ("UVLoop(submissionLimit:)", ["submissions_refused_total"]),
        ("a framing's `maximumLength`", ["connections_ended_total"]),
        ("accepts in a turn", ["accept_turns_used_up_total"]),
        ("what the tasks of a loop send in a turn", ["task_turns_used_up_total"]),
        ("descriptors for a loop", ["descriptors_free"]),
    ]

    /// Bounds that say no at once to their caller, and those of a client's side: a server has no count
    /// of them.
    private static let uncounted = [
        "UVConnector(timeout:)", "UVConnector(queueLimit:)", "UVReconnect.maximumDelay",
        "UVClient(questionLimit:)", "UVClient.messages", "UVLoopGroup(loops:)", "receive buffer",
        "the name of a Unix-domain socket", "a host name", "names looked up at a time", "a timer",
        "UVWatchdog(threshold:)",
    ]

    @Test("Every guard of the README has a counter")
    func guards() throws {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()
        let readme = try String(contentsOfFile: root + "/README.md", encoding: .utf8)
        let chapter = try #require(readme.components(separatedBy: "## Bounds and defaults").last)
        let rows = chapter.split(separator: "\n").drop { !$0.hasPrefix("|---") }.dropFirst()
            .prefix { $0.hasPrefix("|") }
            .compactMap { $0.split(separator: "|").first?.trimmingCharacters(in: .whitespaces) }
        #expect(rows.count > 30)
        for row in rows {
            let name = row.drop { $0 == "`" }
            if Self.uncounted.contains(where: { name.hasPrefix($0) }) { continue }
            let found = Self.guards.first { name.hasPrefix($0.row) }
            let metrics = try #require(found, "no counter for \(row)").metrics
            for metric in metrics {
                #expect(Self.names.contains { $0.hasPrefix(metric + " ") }, "\(metric)")
            }
        }
    }
}
