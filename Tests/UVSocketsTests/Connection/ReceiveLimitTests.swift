import Foundation
import Testing

@testable import UVSockets

@Suite("Limits of receiving", .ownThreads, .timeLimit(.minutes(1)))
struct ReceiveLimitTests {
    // MARK: - Rates

    @Test("Bytes beyond the rate wait, and none is lost")
    func bytes() throws {
        var options = UVListenerOptions()
        options.connection.bytesPerSecond = 1 << 17
        try withServer(options: options) { server in
            let began = ContinuousClock.now
            let sent = pattern(1 << 18)
            let received = try server.connect().exchange(sent)
            #expect(received == sent)
            // One second's worth at once, and one read more than the rate allows.
            #expect(ContinuousClock.now - began >= .milliseconds(450))
        }
    }

    @Test("A reset is noticed while the rate holds the peer back")
    func reset() throws {
        var options = UVListenerOptions()
        options.connection.bytesPerSecond = 1
        try withServer(options: options) { server in
            let peer = try server.connect()
            #expect(try peer.exchange(pattern(100)) == pattern(100))
            try peer.reset()
            #expect(try server.ended.first().reason == .peerReset)
        }
    }

    @Test("Paused and resumed, it is still held back by the rate")
    func paused() throws {
        var options = UVListenerOptions()
        options.connection.messagesPerSecond = 2
        try withServer(
            framing: .lines, options: options,
            onMessage: { client, message in
                client.pauseReceiving()
                client.send(message)
                client.resumeReceiving()
            },
            body: { server in
                let peer = try server.connect()
                let began = ContinuousClock.now
                try peer.send("1\n2\n3\n4\n")
                #expect(try peer.receive(8) == Array("1\n2\n3\n4\n".utf8))
                // The third is the one that is too much, and the fourth waits for it.
                #expect(ContinuousClock.now - began >= .milliseconds(450))
            })
    }

    // MARK: - A turn

    private struct Read: Sendable {
        let turn: UInt64
        let bytes: Int
    }

    private static func sum(_ reads: [Read]) -> Int { reads.map(\.bytes).reduce(0, +) }

    @Test("In one turn one connection gets no more than its budget", arguments: [1, 3])
    func turn(reads: Int) throws {
        let received = Journal<Read>()
        var options = UVListenerOptions()
        options.connection.receiveBudget = reads << 16
        try withServer(
            options: options,
            onMessage: { client, message in
                received.append(Read(turn: client.loop.turn, bytes: message.count))
            },
            configure: { $0.onConnected = { $0.pauseReceiving() } },
            body: { try Self.expectTurns(of: $0, received, limit: reads << 16) })
    }

    private static func expectTurns(
        of server: Server, _ received: Journal<Read>, limit: Int
    ) throws {
        let peer = try server.connect()
        try server.connected.wait(for: 1)
        let sent = try peer.sendUntilHeld()
        server.post { $0.clients.first?.resumeReceiving() }
        try received.wait { sum($0) == sent }
        var turns: [UInt64: Int] = [:]
        for read in received.entries { turns[read.turn, default: 0] += read.bytes }
        #expect(turns.values.allSatisfy { $0 <= limit })
        // Whether several reads in a row are full is up to the kernel; one is.
        guard limit == 1 << 16 else { return }
        let timesUsedUp = try server.onLoop { $0.events.guards.turnsUsedUp }
        #expect(timesUsedUp > 0)
    }

    // MARK: - The time that handlers take

    @Test("A handler that takes long is warned of, once a second, and counted")
    func slowHandler() throws {
        let warnings = Journal<String>()
        let counted = Journal<UInt64>()
        try onThread {
            let loop = try UVLoop(logger: journal(warnings))
            var options = UVListenerOptions()
            options.connection.handlerTimeWarning = .milliseconds(250)
            let listener = UVListener(on: loop, at: "127.0.0.1:0", options: options) {
                client, message in
                // A handler that takes long is what is tested, not a wait for something.
                if message[0] == UInt8(ascii: "s") { usleep(300_000) }
                client.send(message)
            }
            listener.onDisconnected = { _, _ in
                counted.append(listener.events.guards.slowHandlers)
                listener.stop()
            }
            try listener.startAccept()
            let endpoint = try #require(listener.localEndpoint)
            Thread.detachNewThread {
                do {
                    let peer = try RawPeer(to: endpoint)
                    for byte in "qsqsq".utf8 { #expect(try peer.exchange([byte]) == [byte]) }
                } catch {
                    Issue.record(error)
                }
            }
            loop.run()
            try loop.close()
        }
        #expect(counted.entries == [2])
        #expect(warnings.entries.count == 1)
        let words = warnings.entries.first?.split(separator: " ") ?? []
        #expect(words.prefix(3) == ["a", "handler", "took"])
        #expect(try 290...999 ~= #require(words.count > 3 ? Int(words[3]) : nil))
    }

    @Test("However many connectors and loops there are, it is warned of once a second")
    func slowHandlers() async throws {
        let warnings = Journal<String>()
        let group = try UVLoopGroup(loops: 2, logger: journal(warnings))
        var options = UVListenerOptions()
        options.connection.handlerTimeWarning = .milliseconds(20)
        let server = try await group.listen(at: "127.0.0.1:0", options: options) { _ in
            { client, message in
                // A handler that takes long is what is tested.
                usleep(40_000)
                client.send(message)
            }
        }
        let endpoint = try #require(server.localEndpoint)
        var settings = UVConnectionOptions.connector
        settings.handlerTimeWarning = .milliseconds(20)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup { tasks in
            for loop in group.loops + group.loops {
                tasks.addTask { [settings] in
                    try await UVConnector.connect(to: endpoint, options: settings, on: loop) {
                        try await $0.send("question")
                        _ = try await $0.nextMessage()
                        // So is a task that does.
                        usleep(40_000)
                    }
                }
            }
            try await tasks.waitForAll()
        }
        await group.stop()
        let seconds = Int((ContinuousClock.now - start) / .seconds(1))
        #expect(1...(seconds + 1) ~= warnings.entries.count)
    }
}
