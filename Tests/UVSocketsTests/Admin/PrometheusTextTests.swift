import Foundation
import Testing

@testable import UVSockets
@testable import UVSocketsAdmin

@Suite("The text for Prometheus", .ownThreads, .timeLimit(.minutes(1)))
struct PrometheusTextTests {
    @Test("HELP and TYPE stand once before the values, and everything is escaped")
    func writes() {
        var text = PrometheusText()
        text.add(
            MetricFamily(
                "a_total", .counter, "What \\ it\nis.",
                [
                    .init(labels: [], value: .integer(.max)),
                    .init(labels: [("x", "a\\b\"c\nd\u{1B}"), ("y", "")], value: .integer(0)),
                ]))
        text.add(MetricFamily("none", .gauge, "Left out."))
        text.add(
            MetricFamily(
                "b", .gauge, "Numbers.",
                [0.5, -3, .infinity, -.infinity, .nan, 1e300].enumerated().map { index, number in
                    .init(labels: [("n", "\(index)")], value: .number(number))
                }))
        text.add(MetricFamily("a_total", .gauge, "Again.", [.init(labels: [], value: .integer(1))]))
        #expect(
            text.text == """
                # HELP a_total What \\\\ it\\nis.
                # TYPE a_total counter
                a_total 18446744073709551615
                a_total{x="a\\\\b\\"c\\nd\u{1B}",y=""} 0
                # HELP b Numbers.
                # TYPE b gauge
                b{n="0"} 0.5
                b{n="1"} -3
                b{n="2"} +Inf
                b{n="3"} -Inf
                b{n="4"} NaN
                b{n="5"} 1e+300

                """)
    }

    @Test("A histogram is cumulative, and ends with +Inf, its sum and its count")
    func histogram() {
        var text = PrometheusText()
        let histogram = MetricFamily.Histogram(
            buckets: [(0.01, 1), (1, 3)], count: 4, sum: 2.5)
        text.add(
            MetricFamily(
                "t_seconds", .histogram, "Times.",
                [
                    .init(labels: [("l", "a")], value: .histogram(histogram)),
                    // The same labels again: left out.
                    .init(labels: [("l", "a")], value: .histogram(histogram)),
                ]))
        text.add(
            MetricFamily(
                "s", .summary, "Sums.", [.init(labels: [], value: .summary(count: 2, sum: 3))]))
        #expect(
            text.text == """
                # HELP t_seconds Times.
                # TYPE t_seconds histogram
                t_seconds_bucket{l="a",le="0.01"} 1
                t_seconds_bucket{l="a",le="1"} 3
                t_seconds_bucket{l="a",le="+Inf"} 4
                t_seconds_sum{l="a"} 2.5
                t_seconds_count{l="a"} 4
                # HELP s Sums.
                # TYPE s summary
                s_sum 3
                s_count 2

                """)
    }

    @Test("Durations fall into Kestrel's buckets")
    func durations() {
        var counts = DurationCounts()
        for time: UInt64 in [0, 10, 11, 300_000, 300_001, 500_000] {
            counts.count(milliseconds: time)
        }
        #expect(counts.counts[0] == 2 && counts.counts[1] == 1)
        #expect(counts.counts[13] == 1 && counts.counts[14] == 2)
        #expect(counts.sum == 1_100_022)
        let seconds = DurationCounts.bounds.map { Double($0) / 1000 }
        #expect(seconds == [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300])
    }
}
