import Console
import UVSockets

/// Handles clients and their messages, by any of the library's APIs.
struct EchoService: Sendable {
    private let options: Options
    private let output: Output
    /// How many messages had to wait for a slow client.
    let waits = WaitCount()

    init(_ options: Options, _ output: Output) {
        self.options = options
        self.output = output
    }

    private var endpoint: UVEndpoint { options.endpoint }

    // MARK: - Callbacks

    /// Makes a listener with callbacks. It is not started.
    func makeListener(on loop: UVLoop) -> UVListener {
        let relay = makeRelay()
        let handler = messageHandler(relay)
        let settings = options.listenerOptions
        let listener = UVListener(
            on: loop, at: endpoint, backlog: options.backlog, framing: options.usedFraming,
            options: settings, onMessageReceived: handler)
        watch(listener, relay)
        return listener
    }

    private func messageHandler(_ relay: Relay?) -> UVLoopGroup.MessageHandler {
        let (isQuiet, output) = (options.quiet, output)
        return { client, message in
            if !isQuiet { output.write(line: client.line(of: message)) }
            if let relay {
                relay.pass(message, from: client)
            } else {
                client.send(message)
            }
        }
    }

    /// Makes the relay that passes messages on. Nil in echo mode, which sends them back.
    private func makeRelay() -> Relay? {
        guard options.mode == .broadcast else { return nil }
        return Relay(options.slow ?? .disconnect, loops: options.loops, waits)
    }

    /// Prints who comes and goes. Sends messages that waited for slow clients.
    private func watch(_ listener: UVListener, _ relay: Relay?) {
        let (isQuiet, output) = (options.quiet, output)
        listener.userToken = relay
        listener.onConnected = { client in
            if !isQuiet { output.write(line: "\(client.label) connected") }
        }
        listener.onDisconnected = { client, reason in
            if !isQuiet { output.write(line: "\(client.label) gone: \(reason)") }
            if let relay, let listener = client.listener { relay.goOn(listener) }
        }
        if let relay {
            listener.onDrained = { client in client.listener.map(relay.goOn) }
        }
    }

    // MARK: - Until it is stopped

    /// Serves until the server is stopped: on the given loop, or on loops with their own threads.
    nonisolated(nonsending) func serve(
        on loop: UVLoop? = nil,
        onListening: @escaping @Sendable (UVServerHandle) -> Void
    ) async throws(UVError) {
        switch options.api {
        case .callback: try await serveByCallbacks(onListening)
        case .async: try await serveByTasks(loop, onListening) { try await own($0) }
        case .borrowed: try await serveByTasks(loop, onListening) { try await borrow($0) }
        }
    }

    private func serveByCallbacks(
        _ onListening: @Sendable (UVServerHandle) -> Void
    ) async throws(UVError) {
        let group = try UVLoopGroup(
            loops: options.loops, recordedEvents: options.recordedEvents)
        let makeHandler: @Sendable (UVListener) -> UVLoopGroup.MessageHandler = { listener in
            let relay = makeRelay()
            watch(listener, relay)
            return messageHandler(relay)
        }
        let server = try await group.listen(
            at: endpoint, backlog: options.backlog, framing: options.usedFraming,
            options: options.listenerOptions, balance: options.usedBalance,
            makeHandler: makeHandler)
        onListening(server)
        await group.run()
    }

    nonisolated(nonsending) private func serveByTasks(
        _ loop: UVLoop?,
        _ onListening: @escaping @Sendable (UVServerHandle) -> Void,
        _ handler:
            nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
    ) async throws(UVError) {
        let setUp: @Sendable (UVListener) -> Void = { watch($0, makeRelay()) }
        try await UVListener.serve(
            at: endpoint, backlog: options.backlog, framing: options.usedFraming,
            options: options.listenerOptions, on: loop, loops: options.loops,
            balance: options.usedBalance, drainFor: options.drainTime,
            onListening: onListening, setUp: setUp, handler: handler)
    }

    // MARK: - Tasks

    private nonisolated(nonsending) func own(_ client: UVAsyncConnection) async throws {
        let relay = client.connection.listener?.userToken as? Relay
        let isQuiet = options.quiet
        for try await message in client.messages {
            if !isQuiet { output.write(line: client.connection.line(of: message.span)) }
            if let relay {
                relay.pass(message.span, from: client.connection)
            } else {
                try await client.send(message)
            }
        }
    }

    private nonisolated(nonsending) func borrow(_ client: UVAsyncConnection) async throws {
        let relay = client.connection.listener?.userToken as? Relay
        guard relay != nil || !options.quiet else {
            return try await client.forEachMessage { client.send($0) }
        }
        let handler = messageHandler(relay)
        let connection = client.connection
        try await client.forEachMessage { handler(connection, $0) }
    }
}

extension UVConnection {
    /// The name of a client in the output.
    var label: String { "[\(id)] \(peer)" }

    /// The line that is printed for a message.
    func line(of message: Span<UInt8>) -> String {
        "\(label): \(Printable([UInt8](message: message)))"
    }
}
