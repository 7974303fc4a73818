#if Metrics
    import CoreMetrics
    import Foundation
    import MetricsTestKit
    import Testing

    @testable import UVSockets
    @testable import UVSocketsAdmin
    @testable import UVSocketsMetrics

    @Suite("Metrics of swift-metrics", .ownThreads, .timeLimit(.minutes(1)))
    struct MetricsFactoryTests {
        /// Runs a server with a page that a factory adds to, and gives the page's lines.
        private func withFactory(
            limit: Int = 1000,
            _ body:
                @escaping @Sendable (UVMetricsFactory, () throws -> [String: String]) throws ->
                Void
        ) async throws {
            try await withGroup(loops: 1) { server in
                let page = UVMetricsPage(for: server.remote, answerWithin: .seconds(20))
                let factory = UVMetricsFactory(on: page, limit: limit, timeBounds: [1, 0.01, 1])
                let admin = try makeAdmin(server.remote) { $0.metrics = page }
                let one = try Operator(at: admin.endpoint)
                try body(factory) { MetricsPageTests.values(try one.ask("metrics")) }
            }
        }

        @Test("Counters, meters, recorders and timers come out on the page of the server")
        func kinds() async throws {
            try await withFactory { factory, values in
                let logins = Counter(
                    label: "log.ins", dimensions: [("by", "a\"b"), ("2nd", "x")], factory: factory)
                let same = Counter(
                    label: "log.ins", dimensions: [("2nd", "x"), ("by", "a\"b")], factory: factory)
                logins.increment(by: 2)
                same.increment()
                FloatingPointCounter(label: "paid_total", factory: factory).increment(by: 1.5)
                Meter(label: "level", factory: factory).set(7)
                Gauge(label: "last", factory: factory).record(3)
                let sizes = Recorder(label: "size", factory: factory)
                for size in [1, 2, 4] { sizes.record(size) }
                let timer = Timer(label: "took", factory: factory)
                for milliseconds: Int64 in [5, 10, 500, 3000] {
                    timer.recordMilliseconds(milliseconds)
                }
                let page = try values()
                #expect(page[#"log_ins_total{_2nd="x",by="a\"b"}"#] == "3")
                #expect(page["paid_total"] == "1.5")
                #expect(page["level"] == "7")
                #expect(page["last"] == "3")
                #expect(page["size_count"] == "3" && page["size_sum"] == "7")
                #expect(page[#"took_seconds_bucket{le="0.01"}"#] == "2")
                #expect(page[#"took_seconds_bucket{le="1"}"#] == "3")
                #expect(page[#"took_seconds_bucket{le="+Inf"}"#] == "4")
                #expect(page["took_seconds_sum"] == "3.515")
                #expect(page[#"uvsockets_connections{listener="server"}"#] == "0")
                #expect(page["uvsockets_metrics_dropped_total"] == "0")
                logins.destroy()
                #expect(try values()[#"log_ins_total{_2nd="x",by="a\"b"}"#] == "3")
                same.destroy()
                #expect(try values()[#"log_ins_total{_2nd="x",by="a\"b"}"#] == nil)
            }
        }

        @Test("Too many metrics, and one name for two kinds, are counted and not shown")
        func bounded() async throws {
            try await withFactory(limit: 10) { factory, values in
                for number in 0..<100 {
                    Counter(
                        label: "many", dimensions: [("n", "\(number)")], factory: factory
                    ).increment()
                }
                let page = try values()
                #expect(page.keys.count { $0.hasPrefix("many_total") } == 10)
                #expect(page["uvsockets_metrics_dropped_total"] == "90")
            }
            try await withFactory { factory, values in
                Meter(label: "both", factory: factory).set(1)
                Recorder(label: "both", factory: factory).record(5)
                let page = try values()
                #expect(page["both"] == "1")
                #expect(page["both_count"] == nil)
                #expect(page["uvsockets_metrics_dropped_total"] == "1")
            }
        }

        @Test("Names and labels become what Prometheus allows")
        func names() {
            #expect(MetricName.metric("a.b-c d/é") == "a_b_c_d__")
            #expect(MetricName.metric("", ending: "_total") == "__total")
            #expect(MetricName.metric("1st") == "_1st")
            #expect(MetricName.metric("x_total", ending: "_total") == "x_total")
            let labels = MetricName.labels([("le", "1"), ("b:c", "2"), ("b_c", "3"), ("__a", "4")])
            #expect(labels.map(\.name) == ["b_c", "x___a", "x_le"])
            #expect(labels.map(\.value) == ["2", "4", "1"])
        }

        @Test("A feed brings what happened since the last time, and gives its metrics back")
        func feed() async throws {
            try await withGroup(framing: .lines) { server in
                let metrics = TestMetrics()
                let page = UVMetricsPage(
                    for: server.remote, named: "x", answerWithin: .seconds(20))
                let feed = try UVMetricsFeed(of: page, to: metrics, every: .milliseconds(20))
                func counter(_ name: String) -> Int64? {
                    (try? metrics.expectCounter("uvsockets_" + name, [("listener", "x")]))?
                        .totalValue
                }
                func meter(_ name: String) -> Double? {
                    (try? metrics.expectMeter("uvsockets_" + name, [("listener", "x")]))?
                        .lastValue
                }
                let peers = try server.connect(3)
                for peer in peers { #expect(try peer.exchange([0x61, 0x0A]).count == 2) }
                try until { counter("received_bytes_total") == 6 }
                try until { meter("connections") == 3 }
                for peer in peers { #expect(try peer.exchange([0x61, 0x0A]).count == 2) }
                try until { counter("received_bytes_total") == 12 }
                for peer in peers { peer.close() }
                try until { counter("connection_duration_seconds_count") == 3 }
                try until { meter("connections") == 0 }
                #expect(counter("connections_accepted_total") == 3)
                let done = Journal<Void>()
                Task {
                    await feed.stop()
                    done.append(())
                }
                try done.wait(for: 1)
                #expect(counter("connections_accepted_total") == nil)
                #expect(meter("connections") == nil)
            }
        }
    }
#endif
