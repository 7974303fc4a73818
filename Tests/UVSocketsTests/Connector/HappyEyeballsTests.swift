import Foundation
import Testing

@testable import UVSockets

@Suite("Connecting to one of several addresses", .ownThreads, .timeLimit(.minutes(1)))
struct HappyEyeballsTests {
    @Test("An address that does not answer costs a quarter of a second, not the deadline")
    func blackHole() throws {
        let silent = try RawListener.silent()
        let listener = try RawListener(at: "127.0.0.2:0")
        let log = Journal<String>()
        let took = Journal<Duration>()
        try withLoop { [addresses = [silent.local, listener.local]] loop in
            let connector = try Self.connector(on: loop, addresses, log)
            let start = ContinuousClock.now
            let tell = connector.onConnected
            connector.onConnected = { server in
                took.append(ContinuousClock.now - start)
                tell?(server)
            }
            try connector.startConnect()
        }
        #expect(log.entries == ["connected \(listener.local)", "reset"])
        // A timer may be a millisecond early.
        #expect(try took.first() >= .milliseconds(249))
        #expect(try took.first() < .seconds(8))
    }

    @Test("After an address that refuses, the next is tried at once")
    func refusals() throws {
        let listener = try RawListener(at: "127.0.0.1:0")
        let log = Journal<String>()
        let took = Journal<Duration>()
        let refusing = (2..<42).map { UVEndpoint(host: "127.0.0.\($0)", port: listener.local.port) }
        try withLoop { [addresses = refusing + [listener.local]] loop in
            let connector = try Self.connector(on: loop, addresses, log)
            let start = ContinuousClock.now
            connector.onDisconnected = { _, _ in took.append(ContinuousClock.now - start) }
            try connector.startConnect()
        }
        #expect(log.entries == ["connected \(listener.local)"])
        // One delay for each would be ten seconds.
        #expect(try took.first() < .seconds(5))
    }

    @Test("An address that answers late still wins, if none has before")
    func late() throws {
        let first = try RawListener.silent()
        let second = try RawListener.silent(at: "127.0.0.2:0")
        let log = Journal<String>()
        try withLoop { [addresses = [first.local, second.local]] loop in
            let connector = try Self.connector(on: loop, addresses, log)
            try connector.startConnect()
            // Once both are being tried, the first makes room; the kernel asks again after a second.
            try loop.after(.milliseconds(400)) { log.append("both") }
        } meanwhile: { _ in
            try log.wait(for: 1)
            _ = try first.accept()
        }
        #expect(log.entries == ["both", "connected \(first.local)", "reset"])
    }

    @Test("Where all fail, it is told how the last one did")
    func allFail() throws {
        let free = try RawSocket.refusing()
        let addresses = (1...3).map { UVEndpoint(host: "127.0.0.\($0)", port: free.local.port) }
        defer { free.close() }
        let log = Journal<String>()
        try withLoop { loop in
            try Self.connector(on: loop, addresses, log).startConnect()
        }
        #expect(log.entries == ["connect \(addresses[2]): connection refused (ECONNREFUSED)"])
    }

    @Test("One deadline bounds all; those that wait for an answer and those that wait their turn")
    func deadline() throws {
        let silent = try RawListener.silent()
        let addresses = [silent.local] + (1...9).map { _ in silent.local }
        let log = Journal<String>()
        try withLoop { loop in
            let connector = try Self.connector(
                on: loop, addresses, log, timeout: .milliseconds(300))
            try connector.startConnect()
        }
        #expect(
            log.entries == [
                "connect \(silent.local): no answer within 0.3 seconds (ETIMEDOUT)"
            ])
    }

    @Test("Cancelled, it leaves none of its sockets behind")
    func cancel() throws {
        let silent = try RawListener.silent()
        let addresses = [silent.local, silent.local, silent.local]
        let log = Journal<String>()
        try withLoop { loop in
            let connector = try Self.connector(on: loop, addresses, log)
            try connector.startConnect()
            try loop.after(.milliseconds(300)) { connector.cancel() }
        }
        #expect(log.entries == [])
    }

    /// A connector to an endpoint of these addresses, which resets what it gets.
    private static func connector(
        on loop: UVLoop, _ addresses: [UVEndpoint], _ log: Journal<String>,
        timeout: Duration = .seconds(10)
    ) throws -> UVConnector {
        var settings = ConnectSettings(endpoint: "many:1", timeout: timeout)
        settings.addresses = try addresses.map { try #require(SocketAddress($0)) }
        let connector = UVConnector(loop, settings) { _, _ in }
        connector.onConnected = { server in
            log.append("connected \(server.peer)")
            server.reset()
        }
        connector.onDisconnected = { _, reason in log.append("\(reason)") }
        connector.onFailed = { _, error in log.append("\(error)") }
        return connector
    }
}
