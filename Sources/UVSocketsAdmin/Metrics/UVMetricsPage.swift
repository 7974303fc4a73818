public import UVSockets

/// The metrics of one or more servers, as Prometheus reads them.
///
/// The counts are the loops' own numbers. They are read when somebody asks, so a message costs
/// nothing more. A loop that does not answer within 50 ms does not delay the answer: its last
/// numbers are shown, and `uvsockets_snapshot_age_seconds` tells how old they are.
///
/// Any thread may use it. It is shown by ``UVMetricsServer`` and by the command `metrics` of a
/// ``UVAdmin``.
public final class UVMetricsPage: Sendable {
    /// How many servers and sources there may be.
    private static let sourceLimit = 1000

    private struct State {
        var servers: [ServerMetrics] = []
        var sources: [@Sendable () -> [MetricFamily]] = []
    }

    private let state = Locked(State())
    /// How long a loop has to answer.
    private let answerTime: Duration

    /// Makes a page.
    ///
    /// - Parameters:
    ///   - server: The server.
    ///   - name: The value of the label `listener`.
    ///   - time: How long a loop has to answer.
    public init(
        for server: UVServerHandle, named name: String = "server",
        answerWithin time: Duration = .milliseconds(50)
    ) {
        answerTime = time
        add(server, named: name)
    }

    /// Adds the metrics of another server.
    ///
    /// - Parameters:
    ///   - server: The server.
    ///   - name: The value of its label `listener`. A name that another server has shows nothing
    ///     of this one.
    public func add(_ server: UVServerHandle, named name: String) {
        let metrics = ServerMetrics(server, name)
        state.withLock { state in
            if state.servers.count < Self.sourceLimit { state.servers.append(metrics) }
        }
    }

    /// Adds further metrics.
    ///
    /// - Parameter source: Called on any thread, each time that the page is made.
    package func add(source: @escaping @Sendable () -> [MetricFamily]) {
        state.withLock { state in
            if state.sources.count < Self.sourceLimit { state.sources.append(source) }
        }
    }

    /// Collects the metrics.
    ///
    /// - Parameters:
    ///   - alarm: The deadlines of the loop on which the caller runs.
    ///   - hasSources: Whether those of ``add(source:)`` are there, too.
    /// - Returns: The metrics, those of the servers first.
    package func collect(
        _ alarm: Alarm, withSources hasSources: Bool = true
    ) async -> [MetricFamily] {
        let (servers, all) = state.withLock { ($0.servers, $0.sources) }
        let sources = hasSources ? all : []
        let end = ContinuousClock.now + answerTime
        for server in servers {
            // Servers of the same blocked loop do not each take the whole time.
            let left = max(.milliseconds(1), end - .now)
            await server.update(within: left, alarm)
        }
        return ServerFamilies(servers).all + ProcessFamilies.all + sources.flatMap { $0() }
    }

    /// The page.
    func text(_ alarm: Alarm) async -> String {
        var text = PrometheusText()
        for family in await collect(alarm) { text.add(family) }
        return text.text
    }
}
