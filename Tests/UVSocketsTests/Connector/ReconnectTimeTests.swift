import Testing
import UVSocketsTesting

@testable import UVSockets

/// By the clock of a network in memory. `ReconnectTests` has the real sockets.
@Suite("The waits of a connector", .onPool, .timeLimit(.minutes(1)))
struct ReconnectTimeTests {
    /// What became of a connector, and when.
    private final class Log {
        var waits: [(at: Duration, delay: Duration)] = []
        var connections: [Duration] = []
        var errors: [UVError.Code] = []
    }

    /// A refusal is told by a timer, which is never sooner than this.
    private static let refusal = Duration.milliseconds(1)

    private static func connector(
        on network: UVTestNetwork, _ reconnect: UVReconnect, timeout: Duration = .seconds(10)
    ) -> (UVConnector, Log) {
        let log = Log()
        let connector = UVConnector(
            on: network.loop, to: "server.example:7000", timeout: timeout, reconnect: reconnect
        ) { _, _ in }
        connector.onConnected = { [weak network] _ in
            if let network { log.connections.append(network.now) }
        }
        connector.onReconnecting = { [weak network] _, delay, _ in
            if let network { log.waits.append((network.now, delay)) }
        }
        connector.onFailed = { log.errors.append($1.code) }
        return (connector, log)
    }

    @Test("By default it waits longer and longer, each time just as long as it has told")
    func growth() throws {
        let network = try UVTestNetwork()
        let (connector, log) = Self.connector(on: network, UVReconnect())
        connector.random = BackoffTests.Highest()
        try connector.startConnect()
        network.run(for: .seconds(180))
        let bounds = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]
        #expect(log.waits.prefix(12).map(\.delay) == bounds.map { .milliseconds($0) })
        for (wait, next) in zip(log.waits, log.waits.dropFirst()) {
            #expect(next.at == wait.at + wait.delay + Self.refusal)
        }
    }

    @Test("A server is found when the wait is over that it came back in, and not before")
    func found() throws {
        let network = try UVTestNetwork()
        let (connector, log) = Self.connector(on: network, UVReconnect())
        connector.random = BackoffTests.Highest()
        try connector.startConnect()
        network.run(for: .seconds(60))
        let server = try network.listen(at: "server.example:7000")
        let wait = try #require(log.waits.last)
        network.run(for: wait.at + wait.delay - network.now - .milliseconds(1))
        #expect(server.peers.isEmpty)
        network.run(for: .milliseconds(1))
        #expect(server.peers.count == 1)
        #expect(log.connections == [wait.at + wait.delay])
    }

    @Test(
        "The waits begin anew after a connection that has lasted, and not one millisecond earlier",
        arguments: [(4999, 800), (5000, 100)])
    func stable(milliseconds: Int, next: Int) throws {
        let network = try UVTestNetwork()
        let (connector, log) = Self.connector(on: network, UVReconnect())
        connector.random = BackoffTests.Highest()
        try connector.startConnect()
        network.run(for: .milliseconds(500))
        #expect(log.waits.map(\.delay) == [100, 200, 400].map { .milliseconds($0) })
        let server = try network.listen(at: "server.example:7000")
        network.run(until: { server.peers.count == 1 })
        #expect(server.peers.count == 1)
        network.run(for: .milliseconds(milliseconds))
        server.peers[0].reset()
        network.run()
        #expect(log.waits.last?.delay == .milliseconds(next))
    }

    @Test("A deadline bounds each attempt to the millisecond, and the next follows its wait")
    func deadline() throws {
        let network = try UVTestNetwork()
        try network.listen(at: "server.example:7000").isSilent = true
        let (connector, log) = Self.connector(
            on: network, UVReconnect(attempts: 2), timeout: .seconds(7))
        connector.random = BackoffTests.Highest()
        try connector.startConnect()
        network.run(for: .milliseconds(6999))
        #expect(log.waits.isEmpty)
        network.run(for: .milliseconds(1))
        #expect(log.waits.count == 1)
        network.run(for: .milliseconds(7100))
        #expect(log.waits.map(\.at) == [.seconds(7), .milliseconds(14_100)])
        network.run(for: .milliseconds(7199))
        #expect(log.errors == [])
        network.run(for: .milliseconds(1))
        #expect(log.errors == [.timedOut])
    }

    @Test("Cancelled while it waits, it calls nobody any more")
    func cancelled() throws {
        let network = try UVTestNetwork()
        let (connector, log) = Self.connector(on: network, UVReconnect())
        try connector.startConnect()
        network.run(for: .seconds(60))
        connector.cancel()
        let count = log.waits.count
        let server = try network.listen(at: "server.example:7000")
        network.run(for: .seconds(3600))
        #expect(log.waits.count == count)
        #expect(server.peers.isEmpty)
        #expect(log.errors.isEmpty)
    }
}
