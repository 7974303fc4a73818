#if Metrics
    public import CoreMetrics
    public import Logging
    public import UVSockets
    public import UVSocketsAdmin

    /// Brings the metrics of servers to a factory of swift-metrics, again and again.
    ///
    ///     let feed = try UVMetricsFeed(of: UVMetricsPage(for: server, named: "chat"), to: factory)
    ///
    /// The names and labels are those that Prometheus reads. Of the histogram of durations the factory
    /// gets the count and the sum. The factory is given, so nothing needs to be bootstrapped.
    ///
    /// It has a loop and a thread of its own. A message costs nothing more. It goes on until it is
    /// stopped or released. Then it gives its counters and meters back to the factory.
    public final class UVMetricsFeed: Sendable {
        private let thread: AdminThread

        /// Begins, with the first values at once.
        ///
        /// - Parameters:
        ///   - page: The metrics. Those that a ``UVMetricsFactory`` shows there are not fed.
        ///   - factory: What gets them. It is called on the feed's thread.
        ///   - interval: The time between values, at least 10 ms.
        ///   - logger: Where its own loop reports.
        /// - Throws: `UVError` if the system has no thread or descriptors left.
        public init(
            of page: UVMetricsPage, to factory: any MetricsFactory,
            every interval: Duration = .seconds(10), logger: Logger = Logger(label: "UVSockets")
        ) throws(UVError) {
            let interval = max(.milliseconds(10), interval)
            thread = try AdminThread(logger) { thread in
                let (alarm, writer) = (thread.alarm, FeedWriter(factory))
                thread.onEnd = { writer.end() }
                thread.loop.task { await Self.feed(page, writer, alarm, every: interval) }
            }
        }

        private static func feed(
            _ page: UVMetricsPage, _ writer: FeedWriter, _ alarm: Alarm, every interval: Duration
        ) async {
            while !alarm.isClosed {
                writer.write(await page.collect(alarm, withSources: false))
                await alarm.sleep(interval)
            }
        }

        /// Ends it, and waits until its thread has ended.
        public func stop() async {
            await thread.stop()
        }
    }
#endif
