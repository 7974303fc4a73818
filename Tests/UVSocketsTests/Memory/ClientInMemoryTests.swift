import Testing
import UVSocketsTesting

@testable import UVSockets

/// A client for tasks, by the clock of a network in memory.
@Suite("A client in memory", .onPool, .timeLimit(.minutes(1)))
struct ClientInMemoryTests {
    private static let echo: TaskHandler = { client in
        for try await line in client.messages { try await client.send(line) }
    }

    @Test("An answer has its time to the millisecond, with the wait for a connection")
    func answer() throws {
        let network = try UVTestNetwork()
        let server = try network.listen(at: "127.0.0.1:7")
        let client = try UVClient(to: "127.0.0.1:7", framing: .lines, on: network.loop)
        let slow = network.start { try await client.ask("slow", within: .seconds(60)) }
        network.run(for: .milliseconds(59_999))
        #expect(slow.result == nil)
        #expect(server.peers.map(\.receivedText) == ["slow\n"])
        network.run(for: .milliseconds(1))
        let error = #expect(throws: UVError.self) { try slow.result?.get() }
        #expect(error?.code == .timedOut)
        // What comes too late is nobody's.
        let next = network.start { try await client.ask("next") }
        network.run()
        server.peers[0].send("to slow\nto next\n")
        network.run()
        #expect(try next.result?.get() == Array("to next".utf8))
        // Where there is no connection, the time is the same.
        server.close()
        server.peers[0].reset()
        network.run()
        #expect(!client.isConnected)
        let kept = network.start { try await client.ask("kept", within: .seconds(5)) }
        network.run(for: .milliseconds(4_999))
        #expect(kept.result == nil)
        network.run(for: .milliseconds(1))
        #expect(throws: UVError.self) { try kept.result?.get() }
        client.close()
        network.run()
    }

    @Test("A client that lost its server connects again, and asks what was kept")
    func reconnects() throws {
        let network = try UVTestNetwork()
        let server = try network.listen(at: "127.0.0.1:7")
        let client = try UVClient(to: "127.0.0.1:7", framing: .lines, on: network.loop)
        let lost = network.start { try await client.ask("lost") }
        network.run()
        server.close()
        server.peers[0].reset()
        network.run()
        #expect(throws: UVEndReason.peerReset) { try lost.result?.get() }
        let kept = network.start { try await client.ask("kept", within: .seconds(3600)) }
        network.run(for: .seconds(600))
        #expect(client.openQuestions == 1)
        let again = network.serve(at: "127.0.0.1:7", framing: .lines, handler: Self.echo)
        network.run { kept.result != nil }
        #expect(try kept.result?.get() == Array("kept".utf8))
        client.close()
        again.cancel()
        network.run()
    }

    @Test("A pool asks the client with the fewest open questions")
    func pool() throws {
        let network = try UVTestNetwork()
        let server = try network.listen(at: "127.0.0.1:7")
        let loop = network.loop
        let pool = try UVClientPool(size: 3) { () throws(UVError) in
            try UVClient(to: "127.0.0.1:7", framing: .lines, on: loop)
        }
        network.run()
        #expect(pool.connected == 3)
        let asked = (0..<6).map { number in
            let question = network.start { try await pool.ask("\(number)") }
            network.run()
            return question
        }
        // Each has two, one after the other.
        #expect(server.peers.map(\.receivedText).sorted() == ["0\n3\n", "1\n4\n", "2\n5\n"])
        for peer in server.peers { peer.send(peer.takeText()) }
        network.run()
        #expect(try asked.map { try $0.result?.get() } == (0..<6).map { Array("\($0)".utf8) })
        pool.close()
        network.run()
        #expect(server.peers.allSatisfy { $0.end == .finished })
    }

    @Test("A pool asks a client that is connected, though it has more open questions")
    func poolPrefersConnected() throws {
        let network = try UVTestNetwork()
        let server = try network.listen(at: "127.0.0.1:7")
        let loop = network.loop
        var endpoints: [UVEndpoint] = ["127.0.0.1:8", "127.0.0.1:7"]
        let pool = try UVClientPool(size: 2) { () throws(UVError) in
            try UVClient(to: endpoints.removeFirst(), framing: .lines, on: loop)
        }
        network.run()
        #expect(pool.connected == 1)
        let asked = (0..<3).map { number in
            let question = network.start { try await pool.ask("\(number)") }
            network.run()
            return question
        }
        #expect(server.peers.map(\.receivedText) == ["0\n1\n2\n"])
        pool.close()
        network.run()
        for question in asked {
            #expect(throws: UVEndReason.closed) { try question.result?.get() }
        }
    }

    @Test("A question that was kept fails with the connection that got it")
    func keptAndLost() throws {
        let network = try UVTestNetwork()
        let client = try UVClient(to: "127.0.0.1:7", framing: .lines, on: network.loop)
        let kept = network.start { try await client.ask("kept", within: .seconds(3600)) }
        network.run(for: .seconds(60))
        let server = try network.listen(at: "127.0.0.1:7")
        network.run { server.peers.first?.receivedText == "kept\n" }
        server.peers[0].reset()
        network.run()
        #expect(throws: UVEndReason.peerReset) { try kept.result?.get() }
        client.close()
        network.run()
    }

    @Test("The key of a question is free again when its time is over")
    func keyIsFree() throws {
        let network = try UVTestNetwork()
        let server = try network.listen(at: "127.0.0.1:7")
        let client = try UVClient(
            to: "127.0.0.1:7", framing: .lines,
            matching: .by { $0.isEmpty ? nil : $0[0] }, on: network.loop)
        let late = network.start { try await client.ask("7 a", within: .seconds(5)) }
        network.run(for: .seconds(5))
        #expect(throws: UVError.self) { try late.result?.get() }
        #expect(client.openQuestions == 0)
        let next = network.start { try await client.ask("7 b", within: .seconds(5)) }
        network.run()
        #expect(client.openQuestions == 1)
        server.peers[0].send("7 answer\n")
        network.run()
        #expect(try next.result?.get() == Array("7 answer".utf8))
        #expect(client.openQuestions == 0)
        client.close()
        network.run()
    }

    /// A client of a server that sends two thousand lines of a kilobyte, after a line to it.
    private static func newsClient(
        on network: UVTestNetwork
    ) throws -> (client: UVClient, server: UVListener) {
        let server = UVListener(
            on: network.loop, at: "127.0.0.1:7", framing: .lines, options: .patient
        ) { client, _ in
            let rest = String(repeating: "x", count: 1000)
            for number in 0..<2000 { client.send("\(number) \(rest)") }
        }
        try server.startAccept()
        let client = try UVClient(to: "127.0.0.1:7", framing: .lines, on: network.loop)
        return (client, server)
    }

    private static func number(_ message: [UInt8]?) -> Int? {
        message.flatMap {
            Int(String(decoding: $0.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
        }
    }

    @Test("Messages hold the server back, once somebody has asked for one")
    func holdsServer() throws {
        let network = try UVTestNetwork()
        let (client, server) = try Self.newsClient(on: network)
        let first = network.start { try await client.messages.next(isolation: nil) }
        network.run()
        try network.run { try await client.send("go") }
        network.run()
        #expect(Self.number(try first.result?.get()) == 0)
        #expect(try #require(server.clients.first).bytesQueued > 1 << 20)
        let rest = try network.run {
            var numbers: [Int?] = []
            for _ in 1..<2000 {
                numbers.append(Self.number(try await client.messages.next(isolation: nil)))
            }
            return numbers
        }
        #expect(rest == Array(1..<2000))
        client.close()
        network.run()
        server.stop()
        network.run()
    }

    @Test("Messages that nobody asks for hold nobody, and the newest are kept")
    func newest() throws {
        let network = try UVTestNetwork()
        let (client, server) = try Self.newsClient(on: network)
        try network.run { try await client.send("go") }
        network.run()
        #expect(server.bytesQueued == 0)
        let first = try network.run { try await client.messages.next(isolation: nil) }
        #expect(Self.number(first) == 2000 - 256)
        client.close()
        network.run()
        server.stop()
        network.run()
    }

    @Test("A client that sends waits for its server to read, and goes on")
    func sendWaits() throws {
        let network = try UVTestNetwork()
        let server = try network.listen(at: "127.0.0.1:7")
        let client = try UVClient(to: "127.0.0.1:7", on: network.loop)
        network.run()
        server.peers[0].isReading = false
        let sent = Journal<Void>()
        let task = network.start {
            for _ in 0..<100 {
                try await client.send(pattern(64 << 10))
                sent.append(())
            }
        }
        network.run()
        #expect(sent.entries.count < 50)
        #expect(task.result == nil)
        server.peers[0].isReading = true
        network.run()
        #expect(sent.entries.count == 100)
        #expect(server.peers[0].received.count == 100 * (64 << 10))
        // The wait ends with the task, and with the client.
        server.peers[0].isReading = false
        let waiting = (0..<2).map { _ in
            network.start { while true { try await client.send(pattern(64 << 10)) } }
        }
        network.run()
        waiting[0].cancel()
        network.run()
        #expect(throws: CancellationError.self) { try waiting[0].result?.get() }
        #expect(waiting[1].result == nil)
        client.close()
        network.run()
        #expect(throws: (any Error).self) { try waiting[1].result?.get() }
        server.peers[0].isReading = true
        network.run()
        #expect(server.peers[0].end == .finished)
    }
}
