import Console
import Glibc
import UVSockets

/// The server: a listener, what it prints, and its operator.
final class EchoServer {
    private let options: Options
    private let loop: UVLoop
    private let listener: UVListener
    private let output: Output
    /// Passes messages on; nil where they go back.
    private let relay: Relay?
    private var failure: UVError?
    private var isStopping = false

    init(_ options: Options) throws(UVError) {
        self.options = options
        loop = try UVLoop()
        output = Output(1, excess: .drop(beyond: 1 << 20))
        relay = options.mode == .broadcast ? Relay(options.slow ?? .disconnect) : nil
        listener = Self.listener(
            on: loop, options, Self.handler(isQuiet: options.quiet, output, relay))
    }

    /// What is done with a message.
    private static func handler(
        isQuiet: Bool, _ output: Output, _ relay: Relay?
    ) -> (UVConnection, Span<UInt8>) -> Void {
        { client, message in
            if !isQuiet {
                output.write(line: "\(client.label): \(Printable([UInt8](copying: message)))")
            }
            if let relay {
                relay.pass(message, from: client)
            } else {
                client.send(message)
            }
        }
    }

    private static func listener(
        on loop: UVLoop, _ options: Options,
        _ handler: @escaping (UVConnection, Span<UInt8>) -> Void
    ) -> UVListener {
        let endpoint = UVEndpoint(host: options.host, port: options.port)
        let settings = options.listenerOptions
        guard let codec = options.codec else {
            return UVListener(
                on: loop, at: endpoint, backlog: options.backlog, options: settings,
                onMessageReceived: handler)
        }
        return UVListener(
            on: loop, at: endpoint, backlog: options.backlog, framing: codec, options: settings,
            onMessageReceived: handler)
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
        watchClients()
        try loop.on(.interrupt) { [self] in stop(signal: SIGINT) }
        try loop.on(.terminate) { [self] in stop(signal: SIGTERM) }
        try listener.startAccept()
        if options.console || isatty(0) == 1 { openConsole() }
        loop.run(.untilStopped)
        output.flush(within: .milliseconds(200))
        if let failure { throw failure }
    }

    private func watchClients() {
        let isQuiet = options.quiet
        listener.onConnected = { [output] client in
            if !isQuiet { output.write(line: "\(client.label) connected") }
        }
        listener.onDisconnected = { [output, relay] client, reason in
            if !isQuiet { output.write(line: "\(client.label) gone: \(reason)") }
            if let relay, let listener = client.listener { relay.goOn(listener) }
        }
        if let relay {
            listener.onDrained = { client in client.listener.map(relay.goOn) }
        }
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
        relay?.finish(listener)
        listener.stop(drainFor: options.drainTime, goodbye: options.lastMessage) { [self] report in
            if !options.quiet {
                output.write(
                    line: "stopped: \(report.drained) clients drained, \(report.cutOff) cut off, "
                        + "\(report.bytesLost) bytes lost")
            }
            loop.stop()
        }
    }

    private func openConsole() {
        let console = OperatorConsole(
            listener, isFramed: options.codec != nil, output,
            statistics: { [listener, relay] in
                Statistics(listener.stats, limit: listener.maxConnections, relay: relay?.counts)
            },
            quit: { [self] in stop() })
        let lines = loop.mailbox { (event: Input.Event) in console.handle(event) }
        let input = Input { lines.post($0) }
        console.start(input)
    }
}

extension UVConnection {
    /// What a client is called in the output.
    var label: String { "[\(id)] \(peer)" }
}
