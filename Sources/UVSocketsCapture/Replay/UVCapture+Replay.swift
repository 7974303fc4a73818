public import UVSockets

extension UVCapture {
    /// What became of one connection in a replay.
    public struct ReplayResult: Sendable, CustomStringConvertible {
        /// The number of the connection in the capture, from 0.
        public let connection: Int
        /// How many bytes were sent to the server.
        public internal(set) var bytesSent = 0
        /// How many bytes came back.
        public internal(set) var bytesReceived = 0
        /// Where the server's answer differs from the capture; nil if it does not.
        public internal(set) var difference: Difference?
        /// What went wrong, in words: it could not connect, or an answer did not come in time.
        public internal(set) var failure: String?

        /// Whether the server answered as in the capture.
        public var isEqual: Bool { difference == nil && failure == nil }

        /// The result in words.
        public var description: String {
            var text =
                "connection \(connection): sent \(bytesSent) bytes, received \(bytesReceived): "
            text += isEqual ? "equal" : failure ?? "different"
            if let difference { text += "\n\(difference)" }
            return text
        }
    }

    /// Plays the clients of this capture to a server, and compares what it answers.
    ///
    /// What the captured server received is sent, cut as it was. Before each piece, this waits for
    /// all that the captured server had sent before it. One connection is replayed after the other. A
    /// server whose answers depend on the time, on other clients, or on chance answers otherwise.
    ///
    /// - Parameters:
    ///   - endpoint: The server.
    ///   - connection: The number of one connection in ``connections``; nil for all.
    ///   - timeout: How long to wait for the connection and for each answer.
    ///   - keepsTime: Whether to wait between pieces for as long as the captured clients did.
    /// - Returns: What became of each connection. Connections of which bytes are missing, and those
    ///   that began in the middle, are not replayed: their failure says so.
    nonisolated(nonsending) public func replay(
        against endpoint: UVEndpoint, connection: Int? = nil, timeout: Duration = .seconds(10),
        keepsTime: Bool = false
    ) async -> [ReplayResult] {
        var results: [ReplayResult] = []
        for (number, captured) in connections.enumerated()
        where connection == nil || number == connection {
            var result = ReplayResult(connection: number)
            if let reason = captured.whyNotReplayed {
                result.failure = reason
            } else if Task.isCancelled {
                result.failure = "cancelled"
            } else {
                do {
                    result = try await UVConnector.connect(to: endpoint, timeout: timeout) {
                        server in
                        var player = CapturePlayer(
                            server, number: number, timeout: timeout, keepsTime: keepsTime)
                        await player.play(captured)
                        return player.result
                    }
                } catch {
                    result.failure = "\(error)"
                }
            }
            results.append(result)
        }
        return results
    }
}

extension UVCapture.Connection {
    /// Why it cannot be replayed; nil if it can.
    package var whyNotReplayed: String? {
        if beginsInMiddle { return "the capture began in the middle of this connection" }
        return bytesMissing > 0 ? "\(bytesMissing) bytes of it are missing in the capture" : nil
    }
}

/// Plays one client to a server.
private struct CapturePlayer {
    /// How long it waits for bytes that the capture does not have.
    private static let extraTime = Duration.milliseconds(50)

    private let server: UVAsyncConnection
    private let timeout: Duration
    private let keepsTime: Bool
    private let began = ContinuousClock.now
    private var expected: [UInt8] = []
    private var received: [UInt8] = []
    private var isAtEnd = false
    private(set) var result: UVCapture.ReplayResult

    init(_ server: UVAsyncConnection, number: Int, timeout: Duration, keepsTime: Bool) {
        (self.server, self.timeout, self.keepsTime) = (server, timeout, keepsTime)
        result = UVCapture.ReplayResult(connection: number)
    }

    nonisolated(nonsending) mutating func play(_ captured: UVCapture.Connection) async {
        do {
            for event in captured.events {
                guard try await play(event, since: captured.events[0].time) else { break }
            }
            try await receiveExpected()
            if !isAtEnd { try await receive(within: Self.extraTime, isWanted: false) }
        } catch {
            result.failure = "\(error)"
        }
        result.bytesReceived = received.count
        result.difference = UVCapture.Difference(expected: expected, actual: received)
        if result.failure == nil, result.difference != nil { result.failure = "different" }
    }

    /// Plays an event.
    ///
    /// - Returns: False if none can follow.
    private nonisolated(nonsending) mutating func play(
        _ event: UVCapture.Event, since first: Duration
    ) async throws -> Bool {
        guard event.direction == .received else {
            if case .bytes(let bytes) = event.kind { expected += bytes }
            return true
        }
        try await receiveExpected()
        // What came does not begin as the capture: what follows makes no sense.
        guard !isAtEnd || received.count >= expected.count else { return false }
        if keepsTime { try await Task.sleep(until: began + (event.time - first)) }
        switch event.kind {
        case .bytes(let bytes):
            try await server.send(bytes)
            result.bytesSent += bytes.count
            return true
        case .finish:
            server.finish()
            return true
        default: return false
        }
    }

    private nonisolated(nonsending) mutating func receiveExpected() async throws {
        let deadline = ContinuousClock.now + timeout
        while !isAtEnd, received.count < expected.count {
            try await receive(within: deadline - .now, isWanted: true)
        }
    }

    /// Receives once.
    private nonisolated(nonsending) mutating func receive(
        within time: Duration, isWanted: Bool
    ) async throws {
        do {
            if let bytes = try await server.nextMessage(within: max(time, .milliseconds(1))) {
                received += bytes
            } else {
                isAtEnd = true
            }
        } catch let error as UVError where error.code == .timedOut {
            guard isWanted else { return }
            throw UVError(
                call: "replay", code: .timedOut,
                reason: "the answer did not come within \(timeout): "
                    + "\(received.count) of \(expected.count) bytes")
        }
    }
}
