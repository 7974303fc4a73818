#if Metrics
    import CoreMetrics
    import Synchronization
    import UVSockets
    import UVSocketsAdmin

    /// A handler of swift-metrics whose value is on a page.
    protocol PageHandler: AnyObject, Sendable {
        static var kind: MetricFamily.Kind { get }
        var value: MetricFamily.Value { get }
    }

    /// A count. To add to it is one atomic addition.
    final class CounterValue: CounterHandler, PageHandler {
        static let kind = MetricFamily.Kind.counter
        private let count = Atomic<UInt64>(0)

        func increment(by amount: Int64) {
            // A counter of Prometheus never falls.
            guard amount > 0 else { return }
            count.wrappingAdd(UInt64(amount), ordering: .relaxed)
        }

        func reset() {
            count.store(0, ordering: .relaxed)
        }

        var value: MetricFamily.Value { .integer(count.load(ordering: .relaxed)) }
    }

    /// A count that need not be whole.
    final class FloatingPointCounterValue: FloatingPointCounterHandler, PageHandler {
        static let kind = MetricFamily.Kind.counter
        private let sum = Locked(0.0)

        func increment(by amount: Double) {
            guard amount > 0, amount.isFinite else { return }
            sum.withLock { $0 += amount }
        }

        func reset() {
            sum.withLock { $0 = 0 }
        }

        var value: MetricFamily.Value { .number(sum.withLock { $0 }) }
    }

    /// A level: of a meter, or the last value of a recorder that does not aggregate.
    final class LevelValue: MeterHandler, RecorderHandler, PageHandler {
        static let kind = MetricFamily.Kind.gauge
        private let level = Locked(0.0)

        func set(_ value: Int64) {
            set(Double(value))
        }

        func set(_ value: Double) {
            level.withLock { $0 = value }
        }

        func increment(by amount: Double) {
            level.withLock { $0 += amount }
        }

        func decrement(by amount: Double) {
            level.withLock { $0 -= amount }
        }

        func record(_ value: Int64) {
            set(Double(value))
        }

        func record(_ value: Double) {
            set(value)
        }

        var value: MetricFamily.Value { .number(level.withLock { $0 }) }
    }

    /// How many values a recorder has had, and their sum.
    final class SummaryValue: RecorderHandler, PageHandler {
        static let kind = MetricFamily.Kind.summary
        private let state = Locked<(count: UInt64, sum: Double)>((0, 0))

        func record(_ value: Int64) {
            record(Double(value))
        }

        func record(_ value: Double) {
            guard value.isFinite else { return }
            state.withLock { state in
                state.count += 1
                state.sum += value
            }
        }

        var value: MetricFamily.Value {
            let (count, sum) = state.withLock { $0 }
            return .summary(count: count, sum: sum)
        }
    }

    /// How many times lie within bounds.
    final class TimerValue: TimerHandler, PageHandler {
        static let kind = MetricFamily.Kind.histogram
        /// In seconds, rising.
        private let bounds: [Double]
        private let state: Locked<(counts: [UInt64], sum: Double)>

        init(bounds: [Double]) {
            self.bounds = bounds
            state = Locked(([UInt64](repeating: 0, count: bounds.count + 1), 0))
        }

        func recordNanoseconds(_ duration: Int64) {
            let seconds = Double(duration) / 1e9
            let index = bounds.firstIndex { seconds <= $0 } ?? bounds.count
            state.withLock { state in
                state.counts[index] += 1
                state.sum += seconds
            }
        }

        var value: MetricFamily.Value {
            let (counts, sum) = state.withLock { $0 }
            var total: UInt64 = 0
            let buckets = zip(bounds, counts).map { bound, count in
                total += count
                return (bound: bound, count: total)
            }
            return .histogram(
                .init(buckets: buckets, count: total + (counts.last ?? 0), sum: sum))
        }
    }
#endif
