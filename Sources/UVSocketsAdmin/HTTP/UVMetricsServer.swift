public import Logging
public import UVSockets

/// Answers `/metrics` and `/healthz` over HTTP, on a loop and a thread of its own.
///
///     let metrics = try UVMetricsServer(at: "127.0.0.1:9100", for: server)
///
///     $ curl http://127.0.0.1:9100/metrics
///
/// Prometheus reads the metrics from `/metrics`. `/healthz` answers 200 while every loop answers
/// within 50 ms and the server does not stop; otherwise 503, and a line that says why.
///
/// It speaks the smallest HTTP/1.1: GET and HEAD, and connections that stay open. A head has at most
/// 8 KiB, and 5 seconds to come. There are at most 32 clients at a time. A client that sends nothing
/// for 5 minutes is closed. Nobody is asked who he is: let only those reach the port who may know
/// the counts.
///
/// It serves until it is stopped or released. A ``UVAdmin`` can do the same on its own thread: see
/// ``UVAdmin/Options/http``.
public final class UVMetricsServer: Sendable {
    private let thread: AdminThread
    /// Where it listens, with the real port where port 0 was asked for.
    public let endpoint: UVEndpoint

    /// Starts to listen.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen.
    ///   - server: The server whose health is asked for.
    ///   - page: The metrics. Nil are those of the server.
    ///   - time: How long a loop has to answer.
    ///   - logger: Where its own loop reports.
    /// - Throws: `UVError` if it cannot listen.
    public init(
        at endpoint: UVEndpoint, for server: UVServerHandle, page: UVMetricsPage? = nil,
        answerWithin time: Duration = .milliseconds(50),
        logger: Logger = Logger(label: "UVSockets")
    ) throws(UVError) {
        let page = page ?? UVMetricsPage(for: server, answerWithin: time)
        var bound = endpoint
        thread = try AdminThread(logger) { thread throws(UVError) in
            let web = HTTPServer(
                page, Health(Questions(server), within: time), thread.alarm, on: thread.loop,
                at: endpoint)
            bound = try thread.listen(web.listener)
        }
        self.endpoint = bound
    }

    /// Stops it, and waits until its thread has ended. The server goes on.
    public func stop() async {
        await thread.stop()
    }

    /// Stops it, and blocks this thread until it has ended. For the end of a program.
    package func end() {
        thread.end()
    }
}
