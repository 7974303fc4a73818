public import UVSockets

/// A connection under test, on a network of its own. It is fed bytes, and shows what was sent and how
/// it ended:
///
///     let client = try UVTestConnection(framing: .lines) { $0.send($1) }
///     client.feed("hello\n")
///     #expect(client.sentText == "hello\n")
///     client.finish()
///     #expect(client.ended == .peerClosed)
///
/// It is a client of a listener with your handler. For more than one client, and for connectors, use
/// a ``UVTestNetwork``.
public final class UVTestConnection {
    /// The network. Let time pass by its ``UVTestNetwork/run(for:)``.
    public let network: UVTestNetwork
    /// The other end of the connection. Use it to read slowly, or to reset the connection.
    public let peer: UVTestPeer
    private let ending: Outcome<UVEndReason>
    private let outcome: Outcome<Void>

    /// Makes a connection with a handler of messages.
    ///
    /// - Parameters:
    ///   - framing: How the bytes are divided into messages.
    ///   - options: How the connection behaves.
    ///   - onConnected: Called with the connection when it begins.
    ///   - onMessageReceived: The handler of messages.
    /// - Throws: ``UVError`` if the process has no descriptors left for a loop.
    public init(
        framing: UVFraming = .raw, options: UVConnectionOptions = .listener,
        onConnected: ((UVConnection) -> Void)? = nil,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) throws(UVError) {
        let ending = Outcome<UVEndReason>()
        network = try UVTestNetwork()
        let listener = UVListener(
            on: network.loop, at: "127.0.0.1:0", framing: framing, options: Self.only(options),
            onMessageReceived: onMessageReceived)
        listener.onConnected = onConnected
        listener.onDisconnected = { ending.set(.success($1)) }
        peer = try network.connect(to: listener)
        (self.ending, outcome) = (ending, Outcome())
    }

    /// Makes a connection that a task serves.
    ///
    /// - Parameters:
    ///   - framing: How the bytes are divided into messages.
    ///   - options: How the connection behaves.
    ///   - handler: Serves the client. See ``result`` for how it ends.
    /// - Throws: ``UVError`` if the process has no descriptors left for a loop.
    public init(
        framing: UVFraming = .raw, options: UVConnectionOptions = .listener,
        handler:
            nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
    ) throws {
        let (ending, outcome) = (Outcome<UVEndReason>(), Outcome<Void>())
        network = try UVTestNetwork()
        let server = network.serve(
            framing: framing, options: Self.only(options),
            setUp: { $0.onDisconnected = { ending.set(.success($1)) } }
        ) { client in
            do {
                try await handler(client)
                outcome.set(.success(()))
            } catch {
                outcome.set(.failure(error))
                throw error
            }
        }
        peer = try network.connect(to: server)
        (self.ending, self.outcome) = (ending, outcome)
    }

    private static func only(_ options: UVConnectionOptions) -> UVListenerOptions {
        var all = UVListenerOptions()
        all.connection = options
        return all
    }

    // MARK: - What comes

    /// Gives the connection bytes, and does everything that can be done then.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - piece: How many bytes the connection gets in one read, at least 1. By default it gets as
    ///     many as fit.
    public func feed(_ bytes: [UInt8], inPiecesOf piece: Int = .max) {
        peer.send(bytes, inPiecesOf: piece)
        network.run()
    }

    /// Gives the connection a text as UTF-8, as ``feed(_:inPiecesOf:)-([UInt8],_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - piece: How many bytes the connection gets in one read, at least 1.
    public func feed(_ text: String, inPiecesOf piece: Int = .max) {
        feed(Array(text.utf8), inPiecesOf: piece)
    }

    /// Ends what comes, and does everything that can be done then. What is sent still arrives.
    public func finish() {
        peer.finish()
        network.run()
    }

    // MARK: - What it does

    /// All bytes that the connection has sent, as they are on the wire.
    public var sent: [UInt8] { peer.received }

    /// All bytes that the connection has sent, as text.
    public var sentText: String { peer.receivedText }

    /// How the connection has ended; nil while it has not.
    public var ended: UVEndReason? { try? ending.result?.get() }

    /// How the task's handler has ended; nil while it runs, and without such a handler.
    public var result: Result<Void, any Error>? { outcome.result }
}
