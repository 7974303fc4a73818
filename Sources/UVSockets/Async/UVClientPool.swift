/// Some clients of one server. Each question goes to the client with the fewest open questions.
///
///     let redis = try UVClientPool(size: 4) { try UVClient(to: "localhost:6379", framing: .lines) }
///     let answer = try await redis.ask("PING")
///
/// A client that is not connected gets questions only if no client is. Questions to different
/// clients have no order among them.
public final class UVClientPool: Sendable {
    /// The clients.
    public let clients: [UVClient]

    /// Makes the clients. Each begins to connect.
    ///
    /// - Parameters:
    ///   - size: How many clients, at least 1.
    ///   - makeClient: Makes a client.
    /// - Throws: What the closure throws.
    public init(size: Int, makeClient: () throws(UVError) -> UVClient) throws(UVError) {
        precondition(size > 0, "a UVClientPool needs at least 1 client")
        var clients: [UVClient] = []
        for _ in 0..<size { clients.append(try makeClient()) }
        self.clients = clients
    }

    /// How many clients are connected now.
    public var connected: Int { clients.count(where: \.isConnected) }

    /// The client to use next: among the connected ones, if there are any, the one with the fewest
    /// open questions.
    public var leastLoaded: UVClient {
        let connected = clients.filter(\.isConnected)
        let all = connected.isEmpty ? clients : connected
        return all.min { $0.openQuestions < $1.openQuestions } ?? clients[0]
    }

    /// Asks one of the clients, as ``UVClient/ask(_:within:)-([UInt8],_)`` does.
    ///
    /// - Parameters:
    ///   - question: The question, one message.
    ///   - limit: How long the answer may take, with the wait for a connection.
    /// - Returns: The answer, one message.
    /// - Throws: As the client's `ask` does.
    nonisolated(nonsending) public func ask(
        _ question: [UInt8], within limit: Duration = .seconds(30)
    ) async throws -> [UInt8] {
        try await leastLoaded.ask(question, within: limit)
    }

    /// Asks one of the clients, as ``UVClient/ask(_:within:)-([UInt8],_)`` does.
    ///
    /// - Parameters:
    ///   - question: The text, or a part of one. Only the framing adds bytes to it.
    ///   - limit: How long the answer may take, with the wait for a connection.
    /// - Returns: The answer, one message.
    /// - Throws: As the client's `ask` does.
    nonisolated(nonsending) public func ask(
        _ question: some StringProtocol, within limit: Duration = .seconds(30)
    ) async throws -> [UInt8] {
        try await leastLoaded.ask(question, within: limit)
    }

    /// Closes all clients, as ``UVClient/close()`` does.
    public func close() {
        for client in clients { client.close() }
    }
}
