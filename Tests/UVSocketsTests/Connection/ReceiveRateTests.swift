import Testing
import UVSockets
import UVSocketsTesting

/// By the clock of a network in memory. `ReceiveLimitTests` has witnesses on real sockets.
@Suite("Rates of receiving", .onPool, .timeLimit(.minutes(1)))
struct ReceiveRateTests {
    /// Lets time pass, and checks that at any time as much has come as the rate allows.
    ///
    /// - Parameters:
    ///   - network: Where.
    ///   - rate: How many come in a second, after as many at once.
    ///   - all: How many come.
    ///   - surplus: How many more than that may come, because one read or one message is never cut.
    ///   - count: How many have come.
    private static func expectRate(
        on network: UVTestNetwork, _ rate: Int, of all: Int, surplus: Int, _ count: () -> Int
    ) {
        let began = network.now
        network.run()
        while count() < all, network.now - began < .seconds(3600) {
            let milliseconds = Int((network.now - began) / .milliseconds(1))
            let allowed = rate + rate * milliseconds / 1000
            // A hold ends with a tick of the loop's deadlines.
            let due = rate + rate * (milliseconds - 200) / 1000
            #expect(count() <= allowed + surplus, "after \(milliseconds) ms")
            #expect(count() >= min(all, due), "after \(milliseconds) ms")
            network.run(for: .milliseconds(10))
        }
        #expect(count() == all)
    }

    @Test(
        "Messages beyond the rate wait, and none is lost", arguments: [true, false], [1, 20, 1000])
    func messages(atOnce: Bool, rate: Int) throws {
        var options = UVListenerOptions()
        options.connection.messagesPerSecond = rate
        let server = try MemoryServer(framing: .lines, options: options)
        let peer = try server.connect()
        let lines = (0..<rate * 5 / 2 + 3).map { "\($0)\n" }
        if atOnce {
            peer.send(lines.joined())
        } else {
            for line in lines { peer.send(Array(line.utf8), inPiecesOf: line.utf8.count) }
        }
        Self.expectRate(on: server.network, rate, of: lines.count, surplus: 1) {
            peer.received.count { $0 == UInt8(ascii: "\n") }
        }
        #expect(peer.takeText() == lines.joined())
        #expect(try server.client(1).messagesReceived == lines.count)
    }

    @Test("Bytes beyond the rate wait, and none is lost", arguments: [1 << 10, 1 << 17, 1 << 20])
    func bytes(rate: Int) throws {
        var options = UVListenerOptions()
        options.connection.bytesPerSecond = rate
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        let sent = pattern(4 * rate)
        peer.send(sent)
        Self.expectRate(on: server.network, rate, of: sent.count, surplus: 1 << 16) {
            peer.received.count
        }
        try expect(peer.take(), are: sent)
    }

    @Test("Only the one that sends too much is held back, and for as long as that is worth")
    func others() throws {
        var options = UVListenerOptions()
        options.connection.bytesPerSecond = 100
        let server = try MemoryServer(options: options)
        let greedy = try server.connect()
        greedy.send(pattern(10_000))
        server.network.run()
        #expect(greedy.take().count == 10_000)
        let modest = try server.connect()
        for _ in 0..<50 { #expect(modest.exchange("x") == "x") }
        #expect(server.network.now == .zero)
        greedy.send("y")
        server.network.expect("its byte", after: .seconds(99)) { greedy.receivedText == "y" }
    }

    @Test("Paused and resumed, it is still held back by the rate")
    func paused() throws {
        var options = UVListenerOptions()
        options.connection.messagesPerSecond = 2
        let server = try MemoryServer(framing: .lines, options: options) { client, message in
            client.pauseReceiving()
            client.send(message)
            client.resumeReceiving()
        }
        let peer = try server.connect()
        // The third is the one that is too much, and the fourth waits for it.
        #expect(peer.exchange("1\n2\n3\n4\n") == "1\n2\n3\n")
        server.network.expect("the fourth", after: .milliseconds(500)) {
            peer.receivedText == "4\n"
        }
    }

    @Test("A reset is noticed while the rate holds the peer back, in about two seconds")
    func reset() throws {
        var options = UVListenerOptions()
        options.connection.bytesPerSecond = 1
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        peer.send(pattern(100))
        server.network.run()
        #expect(peer.received.count == 100)
        peer.reset()
        server.network.run(for: .milliseconds(2400))
        #expect(server.reasons == [.peerReset])
    }

    @Test(
        "Messages that a task takes are within the rate, whether taken or lent, now or later",
        arguments: [false, true], [false, true])
    func tasks(isLent: Bool, isLater: Bool) throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.messagesPerSecond = 20
        let server = network.serve(framing: .lines, options: options) { client in
            if isLater { await pause(.milliseconds(1), on: client.connection.loop) }
            guard !isLent else {
                return try await client.forEachMessage { client.send($0) }
            }
            for try await line in client.messages { try await client.send(line) }
        }
        let peer = try network.connect(to: server)
        let text = (0..<60).map { "\($0)\n" }.joined()
        peer.send(text)
        peer.finish()
        if isLater { network.run(for: .milliseconds(1)) }
        Self.expectRate(on: network, 20, of: 60, surplus: 1) {
            peer.received.count { $0 == UInt8(ascii: "\n") }
        }
        #expect(peer.takeText() == text)
    }
}
