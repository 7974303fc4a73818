import Testing
import UVSockets
import UVSocketsTesting

/// A listener on a network in memory, and how its clients have ended.
final class MemoryServer {
    let network: UVTestNetwork
    let listener: UVListener
    /// How clients have ended.
    private(set) var ends: [(id: UVConnection.ID, reason: UVEndReason, bytesQueued: Int)] = []

    var reasons: [UVEndReason] { ends.map(\.reason) }

    /// Starts a listener.
    ///
    /// - Parameters:
    ///   - endpoint: Where it listens.
    ///   - framing: How messages are told apart.
    ///   - options: How it behaves.
    ///   - onMessage: What it does with messages.
    /// - Throws: ``UVError`` where it cannot listen.
    init(
        at endpoint: UVEndpoint = "127.0.0.1:0", framing: UVFraming = .raw,
        options: UVListenerOptions = UVListenerOptions(),
        onMessage: @escaping (UVConnection, Span<UInt8>) -> Void = { $0.send($1) }
    ) throws {
        network = try UVTestNetwork()
        listener = UVListener(
            on: network.loop, at: endpoint, framing: framing, options: options,
            onMessageReceived: onMessage)
        // The end of the network ends the clients that are left.
        listener.onDisconnected = { [weak self] client, reason in
            guard let self else { return }
            ends.append((client.id, reason, client.bytesQueued))
        }
        try listener.startAccept()
    }

    /// Makes a client, which is served when this returns unless it has to wait.
    func connect(from address: UVEndpoint? = nil) throws -> UVTestPeer {
        try network.connect(to: listener, from: address)
    }

    /// The connection of a client.
    func client(_ id: UVConnection.ID) throws -> UVConnection {
        try #require(listener.client(id))
    }
}

/// How late a deadline may be: a tick of the loop's deadlines for its rounding, and one for when it was set.
let latest = Duration.milliseconds(200)

extension UVTestNetwork {
    /// Checks that something happens when a time is over: not in its last millisecond, and in the tick
    /// behind it.
    func expect(
        _ what: Comment, after time: Duration, late: Duration = latest,
        sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
    ) {
        run(for: time - .milliseconds(1))
        #expect(!condition(), "\(what) too early", sourceLocation: sourceLocation)
        run(for: late)
        #expect(condition(), "\(what) late", sourceLocation: sourceLocation)
    }
}
