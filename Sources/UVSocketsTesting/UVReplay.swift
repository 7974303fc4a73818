public import UVSockets
public import UVSocketsCapture

/// Feeds a handler what a captured connection received, cut as it was, and compares what it sends.
///
///     let capture = try UVCapture(contentsOf: "client.pcapng")
///     let replay = try UVReplay(capture)
///     let result = try replay.run(framing: .lines) { client, line in client.send(line) }
///     #expect(result.difference == nil)
///
/// The handler runs on a network in memory. Its time passes as it did in the capture, in no time.
public struct UVReplay: Sendable {
    /// What came of a replay.
    public struct Result: Sendable {
        /// All bytes that the handler has sent.
        public let sent: [UInt8]
        /// All bytes that were sent in the capture.
        public let expected: [UInt8]
        /// How the connection has ended; nil if it has not.
        public let ended: UVEndReason?

        /// Where the two first differ; nil if they are equal. How they were cut does not matter.
        public var difference: UVCapture.Difference? {
            UVCapture.Difference(expected: expected, actual: sent)
        }
    }

    /// The captured connection.
    public let connection: UVCapture.Connection

    /// Takes a connection out of a capture.
    ///
    /// - Parameters:
    ///   - capture: The capture.
    ///   - number: The number of the connection in it, from 0.
    /// - Throws: ``UVTestFailure`` if there is no such connection, or if it is not whole.
    public init(_ capture: UVCapture, connection number: Int = 0) throws(UVTestFailure) {
        guard capture.connections.indices.contains(number) else {
            throw UVTestFailure(
                description:
                    "the capture has \(capture.connections.count) connections, no number \(number)")
        }
        connection = capture.connections[number]
        if let reason = connection.whyNotReplayed {
            throw UVTestFailure(description: reason)
        }
    }

    /// Replays the connection to a handler of messages.
    ///
    /// - Parameters:
    ///   - framing: How the bytes are divided into messages.
    ///   - options: How the connection behaves.
    ///   - onConnected: Called with the connection when it begins.
    ///   - onMessageReceived: The handler of messages.
    /// - Returns: What came of it.
    /// - Throws: ``UVError`` if the process has no descriptors left for a loop.
    public func run(
        framing: UVFraming = .raw, options: UVConnectionOptions = .listener,
        onConnected: ((UVConnection) -> Void)? = nil,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) throws(UVError) -> Result {
        play(
            to: try UVTestConnection(
                framing: framing, options: options, onConnected: onConnected,
                onMessageReceived: onMessageReceived))
    }

    /// Replays the connection to a handler of tasks.
    ///
    /// The handler must not await anything outside of its loop: the replay does not wait for it.
    ///
    /// - Parameters:
    ///   - framing: How the bytes are divided into messages.
    ///   - options: How the connection behaves.
    ///   - handler: Serves the client.
    /// - Returns: What came of it.
    /// - Throws: ``UVError`` if the process has no descriptors left for a loop.
    public func run(
        framing: UVFraming = .raw, options: UVConnectionOptions = .listener,
        handler:
            nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
    ) throws -> Result {
        play(to: try UVTestConnection(framing: framing, options: options, handler: handler))
    }

    private func play(to test: UVTestConnection) -> Result {
        let first = connection.events.first?.time ?? .zero
        for event in connection.events {
            let wait = event.time - first - test.network.now
            if wait >= .milliseconds(1) { test.network.run(for: wait) }
            guard event.direction == .received else { continue }
            switch event.kind {
            case .bytes(let bytes): test.feed(bytes, inPiecesOf: bytes.count)
            case .finish: test.finish()
            default:
                test.peer.reset()
                test.network.run()
            }
        }
        test.network.run()
        return Result(sent: test.sent, expected: connection.bytes(.sent), ended: test.ended)
    }
}
