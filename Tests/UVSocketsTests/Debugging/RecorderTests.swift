import Foundation
import Logging
import Testing
import UVSocketsTesting

@testable import UVSockets

@Suite("The flight recorder", .ownThreads, .timeLimit(.minutes(1)))
struct RecorderTests {
    @Test("A connection's history tells what happened, in words and with its times")
    func words() throws {
        let network = try UVTestNetwork()
        let listener = UVListener(
            on: network.loop, at: "127.0.0.1:0", framing: .lines(maximumLength: 8)
        ) { $0.send($1) }
        var history: [UVRecordedEvent] = []
        listener.onDisconnected = { client, _ in history = client.history }
        let client = try network.connect(to: listener)
        #expect(client.exchange("hello\n") == "hello\n")
        network.run(for: .seconds(2))
        client.send("hi\nmuch too long\n")
        network.run()
        client.close()
        network.run()
        let words = history.map(\.event)
        try #require(words.count >= 6)
        #expect(words[0].hasPrefix("connected"))
        #expect(words.contains("received 6 bytes, behind 0 others"))
        #expect(words.contains("sent 6 bytes"))
        #expect(
            words.contains { $0 == "framing error at byte 17, in the frame that begins at byte 9" })
        #expect(words.contains("ending: framing"))
        #expect(words.last?.hasPrefix("ended: framing") == true)
        #expect(history.allSatisfy { $0.connection == 1 })
        let times = history.map(\.time)
        #expect(times == times.sorted())
        #expect(times.last.map { $0 >= .seconds(2) } == true)
        #expect(history.last?.description.hasPrefix("2.") == true)
    }

    @Test("Who is held, and why, is recorded")
    func holds() throws {
        let network = try UVTestNetwork()
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0") { client, _ in
            client.pauseReceiving()
        }
        let client = try network.connect(to: listener)
        client.send("a")
        network.run()
        let connection = try #require(listener.clients.first)
        #expect(
            connection.history.map(\.event).suffix(2) == [
                "received 1 bytes, behind 0 others", "held: paused by its user",
            ])
        connection.resumeReceiving()
        #expect(connection.history.last?.event == "no longer held: paused by its user")
        connection.close()
        client.close()
        network.run()
        // What is over is still told.
        #expect(connection.history.last?.event == "ended: closed")
    }

    @Test("The oldest events go first, and connections are told apart")
    func wraps() throws {
        let loop = try UVLoop(recordedEvents: 50)
        let (one, other) = (try loop.pairOfEcho(), try loop.pairOfEcho())
        for _ in 0..<100 { try one() }
        try other()
        // Rounded up to a power of two. The oldest may be one that is being written over.
        #expect(loop.recordedEvents().count == 63)
        #expect(loop.recordedEvents(last: 3).count == 3)
        #expect(loop.recordedEvents(last: -1).isEmpty)
        let off = try UVLoop(recordedEvents: 0)
        let silent = try off.pairOfEcho()
        try silent()
        #expect(off.recordedEvents().isEmpty)
    }

    @Test("Another thread reads whole events while the loop writes")
    func fromElsewhere() throws {
        try withServer { server in
            let (loop, peer) = (server.loop, try server.connect())
            let isOver = Locked(false)
            let seen = Journal<Int>()
            Thread.detachNewThread {
                var count = 0
                while !isOver.withLock({ $0 }) {
                    for event in loop.recordedEvents(last: 20_000) {
                        // A torn event would have the number of one and the meaning of another.
                        let isWhole =
                            event.event.hasPrefix("received 64 bytes")
                            || event.event == "sent 64 bytes"
                            || event.event.hasPrefix("connected")
                        if !isWhole { Issue.record("\(event)") }
                        count += 1
                    }
                }
                seen.append(count)
            }
            let message = pattern(64)
            for _ in 0..<20_000 { #expect(try peer.exchange(message) == message) }
            isOver.withLock { $0 = true }
            #expect(try seen.first() > 0)
        }
    }

    @Test("A blocked loop's events can be read")
    func blocked() throws {
        try withServer { server in
            let peer = try server.connect()
            #expect(try peer.exchange([1]) == [1])
            let loop = server.loop
            try server.whileBusy {
                #expect(loop.recordedEvents().contains { $0.event == "sent 1 bytes" })
            }
        }
    }

    // MARK: - Ended clients

    @Test("Good ends do not push out bad ones, and both lists are bounded")
    func ends() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.firstMessageTimeout = .seconds(1)
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", options: options) {
            $0.send($1)
        }
        let silent = try network.connect(to: listener)
        network.run(for: .seconds(3))
        silent.close()
        network.run()
        #expect(listener.endedClients(badOnly: true).map(\.id) == [1])
        for _ in 0..<(EndedClients.limit + 10) {
            let client = try network.connect(to: listener)
            #expect(client.exchange("a") == "a")
            client.close()
            network.run()
        }
        let all = listener.endedClients()
        #expect(all.count == EndedClients.limit)
        #expect(all.first.map { $0.id } == UInt64(EndedClients.limit + 11))
        #expect(all.allSatisfy { $0.reason == .peerClosed && $0.history.isEmpty })
        let bad = listener.endedClients(badOnly: true)
        #expect(bad.map(\.reason) == [.noFirstMessage])
        #expect(bad.first?.history.last?.event == "ended: noFirstMessage")
        #expect(bad.first?.stats.bytesReceived == 0)
    }

    @Test("When many clients end badly at once, a few have their events, and the log has a line")
    func massEnd() async throws {
        let log = Journal<String>()
        let group = try UVLoopGroup(loops: 2, logger: journal(log, level: .info))
        let server = try await group.listen(at: "127.0.0.1:0", framing: .lines) { _ in
            { $0.send($1) }
        }
        let endpoint = try #require(server.localEndpoint)
        try await onThreadOfItsOwn {
            let peers = try (0..<200).map { _ in try RawPeer(to: endpoint) }
            for peer in peers { _ = try peer.exchange(Array("a\n".utf8)) }
            for peer in peers { try peer.reset() }
        }.get()
        while await server.stats().clients > 0 { await Task.yield() }
        let bad = await server.endedClients(badOnly: true)
        #expect(bad.count == 200)
        #expect(bad.allSatisfy { $0.reason == .peerReset })
        let histories = bad.count { !$0.history.isEmpty }
        #expect((1...120).contains(histories))
        #expect(log.entries.allSatisfy { $0 == "a client ended: reset by the peer" })
        #expect((1...10).contains(log.entries.count))
        let events = await server.history(of: bad[0].id)
        #expect(events.last?.event == "ended: peerReset")
        await group.stop()
    }
}

extension UVLoop {
    /// Connects a client of its own to an echo server of its own.
    ///
    /// - Returns: Sends a line and waits until it has come back.
    fileprivate func pairOfEcho() throws -> () throws -> Void {
        let listener = UVListener(on: self, at: "127.0.0.1:0", framing: .lines) { $0.send($1) }
        try listener.startAccept()
        let endpoint = try #require(listener.localEndpoint)
        let connector = UVConnector(on: self, to: endpoint, framing: .lines) { connection, _ in
            connection.loop.stop()
        }
        try connector.startConnect()
        return {
            connector.send("a line")
            self.run(.untilStopped)
        }
    }
}
