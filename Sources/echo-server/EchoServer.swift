import Console
import Glibc
import Logging
import UVSockets
import UVSocketsAdmin

/// The server as a program: it serves, handles signals and an operator's commands, and stops.
///
/// It belongs to the thread of a loop, which handles the signals. With one loop, clients are served
/// on that loop, too. Then the process has one thread, and its system calls are cheaper. With
/// several loops, each has its own thread.
final class EchoServer {
    private let options: Options
    private let loop: UVLoop
    private let output: Output
    private let service: EchoService
    private var server: UVServerHandle?
    private var watchdog: UVWatchdog?
    private var admin: UVAdmin?
    private var metrics: UVMetricsServer?
    private let logLevel: UVLogLevel
    private var failure: UVError?
    private var isStopping = false
    /// A signal that came while the server was already stopping.
    private var lastSignal: Int32?

    init(_ options: Options, _ log: Output, _ logLevel: UVLogLevel) throws(UVError) {
        self.options = options
        self.logLevel = logLevel
        loop = try UVLoop(recordedEvents: options.recordedEvents)
        output = Output(1, excess: .drop(beyond: 1 << 20)) { code in
            // Somebody wanted this: the reader has gone (EPIPE), or there is no output (EBADF).
            if code == EPIPE || code == EBADF { return }
            let reason = unsafe String(cString: strerror(code))
            log.write(
                line: "echo-server: cannot write the output, so nothing more is printed: \(reason)")
        }
        service = EchoService(options, output)
    }

    /// Serves until somebody stops it.
    func run() throws {
        let events = loop.mailbox { [self] (event: Event) in handle(event) }
        try loop.on(.interrupt) { [self] in stop(signal: SIGINT) }
        try loop.on(.terminate) { [self] in stop(signal: SIGTERM) }
        try loop.on(.user1) { [self] in logState() }
        if options.loops > 1 {
            serveElsewhere(events)
            loop.run(.untilStopped)
        } else if options.api == .callback {
            try listen(events)
            loop.run(.untilStopped)
        } else {
            let (service, loop) = (service, loop)
            try loop.run {
                try await service.serve(on: loop) { events.post(.listening($0)) }
            }
        }
        admin?.end()
        metrics?.end()
        output.flush(within: .milliseconds(200))
        if let lastSignal { exit(128 + lastSignal) }
        if let failure { throw failure }
    }

    /// The events that other threads send to this loop.
    private enum Event: Sendable {
        case listening(UVServerHandle)
        case failed(UVError)
        case ended
        case quit
    }

    private func handle(_ event: Event) {
        switch event {
        case .listening(let server): opened(server)
        case .failed(let error):
            failure = error
            loop.stop()
        case .ended: loop.stop()
        case .quit: stop()
        }
    }

    /// Serves on loops that have their own threads.
    private func serveElsewhere(_ events: UVMailbox<Event>) {
        let service = service
        Task {
            do throws(UVError) {
                try await service.serve { events.post(.listening($0)) }
                events.post(.ended)
            } catch {
                events.post(.failed(error))
            }
        }
    }

    /// Listens on this loop.
    private func listen(_ events: UVMailbox<Event>) throws(UVError) {
        let listener = service.makeListener(on: loop)
        listener.onListening = { [self] in opened($0.remote) }
        listener.onFailed = { [self] _, error in handle(.failed(error)) }
        server = listener.remote
        try listener.startAccept()
    }

    private func opened(_ server: UVServerHandle) {
        self.server = server
        watch(server)
        for endpoint in server.localEndpoints { output.announce("listening on \(endpoint)") }
        let adminOptions = adminOptions()
        do throws(UVError) {
            try openAdmin(server, adminOptions)
        } catch {
            return handle(.failed(error))
        }
        if options.console || isatty(0) == 1 { openConsole(server, adminOptions) }
    }

    private func adminOptions() -> UVAdmin.Options {
        let drain = loop.mailbox { [self] (time: Duration) in stop(drainFor: time) }
        let waits = service.waits
        var admin = UVAdmin.Options()
        admin.name = "echo"
        admin.logLevel = logLevel
        admin.drain = { drain.post($0) }
        admin.furtherStatistics = { [("waited for slow clients", waits.value)] }
        return admin
    }

    private func openAdmin(
        _ server: UVServerHandle, _ adminOptions: UVAdmin.Options
    ) throws(UVError) {
        var adminOptions = adminOptions
        var metricsEndpoint = options.metrics
        if let endpoint = options.admin {
            adminOptions.http = metricsEndpoint
            let admin = try UVAdmin(at: endpoint, for: server, options: adminOptions)
            self.admin = admin
            output.write(line: "commands at \(admin.endpoint)")
            metricsEndpoint = admin.httpEndpoint
        } else if let endpoint = options.metrics {
            let page = UVMetricsPage(for: server, named: adminOptions.name)
            let metrics = try UVMetricsServer(at: endpoint, for: server, page: page)
            self.metrics = metrics
            metricsEndpoint = metrics.endpoint
        }
        if let metricsEndpoint {
            output.write(line: "metrics at http://\(metricsEndpoint)/metrics")
        }
    }

    private func watch(_ server: UVServerHandle) {
        guard options.watchdog > .zero else { return }
        do throws(UVError) {
            // The log goes to standard error.
            watchdog = try UVWatchdog(
                watching: server.loops, options.watchdog, sharesDescriptors: false)
        } catch {
            loop.logger.warning("no watchdog: \(error)")
        }
    }

    /// Writes to the log what is open and what waits.
    private func logState() {
        guard let server else { return }
        let logger = loop.logger
        let engine = AdminEngine(for: server, on: loop, options: UVAdmin.Options())
        let session = AdminSession(
            engine, level: .user,
            AdminOutput { line in if !line.isEmpty { logger.notice("\(line)") } })
        session.take(Array("state".utf8))
        session.noMoreLines()
    }

    private func openConsole(_ server: UVServerHandle, _ adminOptions: UVAdmin.Options) {
        let quit = loop.mailbox { [self] (_: Void) in stop() }
        // Runs on this loop, so that its output comes in the right place between the lines that the
        // loop itself prints.
        let console = OperatorConsole(
            server, on: loop, adminOptions, output, quit: { quit.post(()) })
        console.start(on: loop)
    }

    // MARK: - Stopping

    /// The first signal drains the clients. The second resets them, because what a client got must
    /// not look complete. The third ends the program without waiting for that.
    private func stop(signal: Int32) {
        guard isStopping else { return stop() }
        if lastSignal != nil { exit(128 + signal) }
        lastSignal = signal
        guard let server else { return }
        Task(executorPreference: loop) { await server.stop(drainFor: .zero) }
    }

    /// Drains the clients and prints what became of them.
    private func stop(drainFor time: Duration? = nil) {
        guard !isStopping else { return }
        isStopping = true
        // A server that does not listen yet has no clients.
        guard let server else { return loop.stop() }
        let (loop, options, output) = (loop, options, output)
        server.forEachListener { ($0.userToken as? Relay)?.finish($0) }
        Task(executorPreference: loop) {
            let report = await server.stop(
                drainFor: time ?? options.drainTime, goodbye: options.lastMessage)
            if !options.quiet || report.cutOff > 0 {
                output.write(
                    line: "stopped: \(report.drained) clients drained, \(report.cutOff) cut off, "
                        + "\(report.bytesLost) bytes lost")
            }
            loop.stop()
        }
    }
}
