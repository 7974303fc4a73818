import Console
import Glibc
import UVSockets

/// The server: a listener, what it prints, and its operator.
final class EchoServer {
    /// How long clients may take to get what was sent to them when the server is told to stop.
    private static let drainTime = Duration.seconds(5)

    private let options: Options
    private let loop: UVLoop
    private let listener: UVListener
    private let output = Output(1, excess: .drop(beyond: 1 << 20))
    private var failure: UVError?
    private var isStopping = false

    init(_ options: Options) throws(UVError) {
        self.options = options
        loop = try UVLoop()
        let output = output
        let isQuiet = options.quiet
        let isBroadcast = options.mode == .broadcast
        let endpoint = UVEndpoint(host: options.host, port: options.port)
        let settings = UVListenerOptions(maxConnections: options.maxConnections)
        func handle(_ client: UVConnection, _ message: Span<UInt8>) {
            if !isQuiet {
                output.write(line: "\(client.label): \(Printable([UInt8](copying: message)))")
            }
            if isBroadcast {
                client.listener?.broadcast(message, to: .allBut(client))
            } else {
                client.send(message)
            }
        }
        listener =
            if let codec = options.framing?.codec {
                UVListener(
                    on: loop, at: endpoint, backlog: options.backlog, framing: codec,
                    options: settings, onMessageReceived: handle)
            } else {
                UVListener(
                    on: loop, at: endpoint, backlog: options.backlog, options: settings,
                    onMessageReceived: handle)
            }
    }

    /// Serves until it is told to stop.
    func run() throws {
        listener.onListening = { [output] listener in
            listener.localEndpoint.map { output.announce("listening on \($0)") }
        }
        listener.onFailed = { [self] _, error in
            failure = error
            loop.stop()
        }
        if !options.quiet {
            listener.onConnected = { [output] in output.write(line: "\($0.label) connected") }
            listener.onDisconnected = { [output] in output.write(line: "\($0.label) gone: \($1)") }
        }
        try loop.on(.interrupt) { [self] in stop(signal: SIGINT) }
        try loop.on(.terminate) { [self] in stop(signal: SIGTERM) }
        try listener.startAccept()
        if options.console || isatty(0) == 1 { openConsole() }
        loop.run(.untilStopped)
        output.flush(within: .milliseconds(200))
        if let failure { throw failure }
    }

    private func stop(signal: Int32) {
        if isStopping {
            output.flush(within: .milliseconds(200))
            exit(128 + signal)
        }
        stop()
    }

    private func stop() {
        guard !isStopping else { return }
        isStopping = true
        listener.stop(drainFor: Self.drainTime) { [self] report in
            if !options.quiet {
                output.write(
                    line: "stopped: \(report.drained) clients drained, \(report.cutOff) cut off, "
                        + "\(report.bytesLost) bytes lost")
            }
            loop.stop()
        }
    }

    private func openConsole() {
        let isFramed = options.framing?.codec != nil
        let console = OperatorConsole(listener, isFramed: isFramed, output) { [self] in stop() }
        let lines = loop.mailbox { (event: Input.Event) in console.handle(event) }
        let input = Input { lines.post($0) }
        console.start(input)
    }
}

extension UVConnection {
    /// What a client is called in the output.
    var label: String { "[\(id)] \(peer)" }
}
