#if Metrics
    public import CoreMetrics
    public import UVSocketsAdmin

    /// A factory of swift-metrics whose metrics are on a `UVMetricsPage`, beside those of servers.
    ///
    ///     let page = UVMetricsPage(for: server, named: "chat")
    ///     let factory = UVMetricsFactory(on: page)
    ///     let logins = Counter(label: "logins", dimensions: [("by", "password")], factory: factory)
    ///     logins.increment()
    ///
    /// It may also be the factory of the whole program, by `MetricsSystem.bootstrap`.
    ///
    /// | swift-metrics | On the page |
    /// |---|---|
    /// | `Counter`, `FloatingPointCounter` | a counter whose name ends with `_total` |
    /// | `Meter`, `Gauge` | a gauge |
    /// | `Recorder` | a summary: a count and a sum |
    /// | `Timer` | a histogram in seconds, whose name ends with `_seconds` |
    ///
    /// Characters that Prometheus does not allow in names become `_`. There are at most 1,000 metrics,
    /// each set of labels counted. What is beyond is not shown, and counted in
    /// `uvsockets_metrics_dropped_total`. So is a metric whose name has one of another kind. Use no
    /// label whose values strangers choose, such as an address or a path.
    ///
    /// Any thread may use it.
    public final class UVMetricsFactory: MetricsFactory {
        private let registry: MetricRegistry
        private let bounds: [Double]

        /// The default bounds of timers, in seconds.
        public static let defaultTimeBounds = [
            0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
        ]

        /// Makes a factory.
        ///
        /// - Parameters:
        ///   - page: Where its metrics are shown, for as long as there is the page.
        ///   - limit: How many metrics there may be, each set of labels counted. At least 1.
        ///   - bounds: The upper bounds of the buckets of timers, in seconds. They are sorted.
        public init(
            on page: UVMetricsPage, limit: Int = 1000,
            timeBounds bounds: [Double] = UVMetricsFactory.defaultTimeBounds
        ) {
            registry = MetricRegistry(limit: limit)
            self.bounds = Set(bounds.filter(\.isFinite)).sorted()
            page.add { [registry] in registry.families }
        }

        /// Makes a counter.
        ///
        /// - Parameters:
        ///   - label: The name.
        ///   - dimensions: The labels.
        /// - Returns: The handler.
        public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler
        {
            registry.handler(MetricName.metric(label, ending: "_total"), dimensions) {
                CounterValue()
            }
        }

        /// Makes a counter of numbers that need not be whole.
        ///
        /// - Parameters:
        ///   - label: The name.
        ///   - dimensions: The labels.
        /// - Returns: The handler.
        public func makeFloatingPointCounter(
            label: String, dimensions: [(String, String)]
        ) -> any FloatingPointCounterHandler {
            registry.handler(MetricName.metric(label, ending: "_total"), dimensions) {
                FloatingPointCounterValue()
            }
        }

        /// Makes a meter.
        ///
        /// - Parameters:
        ///   - label: The name.
        ///   - dimensions: The labels.
        /// - Returns: The handler.
        public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
            registry.handler(MetricName.metric(label), dimensions) { LevelValue() }
        }

        /// Makes a recorder.
        ///
        /// - Parameters:
        ///   - label: The name.
        ///   - dimensions: The labels.
        ///   - aggregate: Whether all values count, and not only the last.
        /// - Returns: The handler.
        public func makeRecorder(
            label: String, dimensions: [(String, String)], aggregate: Bool
        ) -> any RecorderHandler {
            let name = MetricName.metric(label)
            return aggregate
                ? registry.handler(name, dimensions) { SummaryValue() }
                : registry.handler(name, dimensions) { LevelValue() }
        }

        /// Makes a timer.
        ///
        /// - Parameters:
        ///   - label: The name.
        ///   - dimensions: The labels.
        /// - Returns: The handler.
        public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
            registry.handler(MetricName.metric(label, ending: "_seconds"), dimensions) {
                TimerValue(bounds: bounds)
            }
        }

        /// Removes a counter from the page, when nobody else has it.
        ///
        /// - Parameter handler: The handler.
        public func destroyCounter(_ handler: any CounterHandler) {
            registry.remove(handler)
        }

        /// Removes a counter from the page, when nobody else has it.
        ///
        /// - Parameter handler: The handler.
        public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
            registry.remove(handler)
        }

        /// Removes a meter from the page, when nobody else has it.
        ///
        /// - Parameter handler: The handler.
        public func destroyMeter(_ handler: any MeterHandler) {
            registry.remove(handler)
        }

        /// Removes a recorder from the page, when nobody else has it.
        ///
        /// - Parameter handler: The handler.
        public func destroyRecorder(_ handler: any RecorderHandler) {
            registry.remove(handler)
        }

        /// Removes a timer from the page, when nobody else has it.
        ///
        /// - Parameter handler: The handler.
        public func destroyTimer(_ handler: any TimerHandler) {
            registry.remove(handler)
        }
    }
#endif
