import Foundation
import Testing
import UVSockets

/// A listener at work on a loop of its own thread, as a test sees it from outside.
final class Server: Sendable {
    /// How a client ended.
    struct End: Sendable {
        let id: UVConnection.ID
        let reason: UVEndReason
        let bytesReceived: UInt64
        let bytesSent: UInt64
        let bytesQueued: Int
    }

    fileprivate struct Ready: Sendable {
        let endpoint: UVEndpoint
        let commands: UVMailbox<Command>
    }

    typealias Command = @Sendable (UVListener) -> Void

    /// The clients in the order they connected, and as they ended.
    let connected: Journal<UVConnection.ID>
    let ended: Journal<End>
    private let thread: LoopThread<Ready>

    fileprivate init(
        _ thread: LoopThread<Ready>, connected: Journal<UVConnection.ID>, ended: Journal<End>
    ) {
        self.thread = thread
        self.connected = connected
        self.ended = ended
    }

    var endpoint: UVEndpoint { thread.ready.endpoint }
    var loop: UVLoop { thread.loop }

    /// Lets a held server's loop run.
    func run() {
        thread.release()
    }

    /// Has something done on the loop.
    func post(_ command: @escaping Command) {
        thread.ready.commands.post(command)
    }

    /// Has something done on the loop, and waits for what it gives.
    func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (UVListener) throws -> Value
    ) throws -> Value {
        let answer = Journal<Result<Value, any Error>>()
        post { listener in answer.append(Result { try body(listener) }) }
        return try answer.first().get()
    }

    /// Lets the test do something while the loop is busy, so that it finds all of it at once.
    func whileBusy(_ body: () throws -> Void) throws {
        let (isBusy, go) = (Journal<Void>(), Journal<Void>())
        post { _ in
            isBusy.append(())
            _ = try? go.first()
        }
        try isBusy.wait(for: 1)
        defer { go.append(()) }
        try body()
    }

    /// Makes a client.
    func connect(from source: String? = nil, receiveBuffer: Int32? = nil) throws -> RawPeer {
        try RawPeer(to: endpoint, from: source, receiveBuffer: receiveBuffer)
    }

    fileprivate func finish() throws {
        try thread.finish()
        // Every client that came has gone, once.
        #expect(connected.entries.sorted() == ended.entries.map(\.id).sorted())
    }
}

typealias MessageHandler = @Sendable (UVConnection, Span<UInt8>) -> Void

/// Sends back what came.
let echo: MessageHandler = { client, message in client.send(message) }

extension UVListenerOptions {
    /// The default ones without a stall deadline: on a loaded machine, the thread of a test may not run
    /// for so long.
    static var patient: UVListenerOptions {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = nil
        return options
    }

    /// The patient ones with a change.
    static func patient(_ change: (inout UVConnectionOptions) -> Void) -> UVListenerOptions {
        var options = patient
        change(&options.connection)
        return options
    }

    /// The default ones with an admission.
    static func admitting(
        maxConnections: Int? = nil, _ change: (inout UVAdmission) -> Void
    ) -> UVListenerOptions {
        var options = UVListenerOptions(maxConnections: maxConnections)
        change(&options.admission)
        return options
    }
}

/// Runs a server for the time of a test, stops it, and checks that nothing is left of it.
///
/// - Parameters:
///   - endpoint: Where it listens.
///   - framing: How messages are told apart.
///   - options: How it behaves.
///   - isHeld: Whether its loop waits for ``Server/run()``, while clients can already connect.
///   - onMessage: What it does with messages.
///   - configure: What else it does; called on the loop's thread.
///   - body: The test.
/// - Throws: What the body throws, when the loop is closed.
func withServer(
    at endpoint: UVEndpoint = Transport.freeEndpoint(), framing: UVFraming = .raw,
    options: UVListenerOptions = .patient, isHeld: Bool = false,
    onMessage: @escaping MessageHandler = echo,
    configure: @escaping @Sendable (UVListener) -> Void = { _ in },
    body: (Server) throws -> Void
) throws {
    let connected = Journal<UVConnection.ID>()
    let ended = Journal<Server.End>()
    let thread = try LoopThread(.untilStopped, isHeld: isHeld) { loop in
        let listener = UVListener(
            on: loop, at: endpoint, framing: framing, options: options,
            onMessageReceived: onMessage)
        configure(listener)
        observe(listener, connected: { connected.append($0) }, ended: ended)
        try listener.startAccept()
        let ready = Server.Ready(
            endpoint: listener.localEndpoint ?? endpoint,
            commands: loop.mailbox { (command: Server.Command) in command(listener) })
        return (ready, { listener.stop(drainFor: .zero) })
    }
    let server = Server(thread, connected: connected, ended: ended)
    let result = Result { try body(server) }
    try server.finish()
    try result.get()
}

/// Writes down who comes and goes, before the test's own callbacks hear of it.
func observe(
    _ listener: UVListener, connected: @escaping (UVConnection.ID) -> Void,
    ended: Journal<Server.End>
) {
    let (onConnected, onDisconnected) = (listener.onConnected, listener.onDisconnected)
    listener.onConnected = { client in
        connected(client.id)
        onConnected?(client)
    }
    listener.onDisconnected = { client, reason in
        ended.append(
            Server.End(
                id: client.id, reason: reason, bytesReceived: client.bytesReceived,
                bytesSent: client.bytesSent, bytesQueued: client.bytesQueued))
        onDisconnected?(client, reason)
    }
}
