import Testing
import UVSockets
import UVSocketsTesting

/// By the clock of a network in memory: `DeadlineSocketTests` has witnesses on real sockets.
@Suite("Deadlines", .onPool, .timeLimit(.minutes(1)))
struct DeadlineTests {
    // MARK: - idleTimeout

    @Test(
        "A silent peer is idle after the time, and not before",
        arguments: [1, 100, 350, 120_000, 3_600_000])
    func idle(milliseconds: Int) throws {
        let timeout = Duration.milliseconds(milliseconds)
        let server = try MemoryServer(options: .patient { $0.idleTimeout = timeout })
        let peer = try server.connect()
        server.network.expect("idle", after: timeout) { peer.end == .finished }
        peer.close()
        server.network.run()
        #expect(server.reasons == [.idle])
    }

    @Test("Each message puts idleness off")
    func putOff() throws {
        let server = try MemoryServer(options: .patient { $0.idleTimeout = .seconds(10) })
        let peer = try server.connect()
        for _ in 0..<8 {
            server.network.run(for: .milliseconds(9999))
            #expect(peer.exchange("x") == "x")
        }
        server.network.expect("idle", after: .seconds(10)) { peer.end == .finished }
        peer.close()
        server.network.run()
        #expect(server.reasons == [.idle])
    }

    @Test(
        "What is sent puts idleness off where it counts", arguments: [1, 1 << 15], [true, false])
    func countsSent(size: Int, counts: Bool) throws {
        let server = try MemoryServer(
            options: .patient {
                $0.idleTimeout = .seconds(10)
                $0.idleCountsSent = counts
            })
        let peer = try server.connect()
        let message = pattern(size)
        for _ in 0..<(counts ? 8 : 1) {
            server.network.run(for: .milliseconds(9900))
            try server.client(1).send(message)
            server.network.run()
            try expect(peer.take(), are: message)
        }
        // Where it does not count, only 100 ms are left.
        server.network.expect("idle", after: counts ? .seconds(10) : .milliseconds(100)) {
            peer.end == .finished
        }
        peer.close()
        server.network.run()
        #expect(server.reasons == [.idle])
    }

    @Test("What changes the deadlines when one is due already changes nothing about it")
    func overdue() throws {
        let server = try MemoryServer(options: .patient { $0.idleTimeout = .milliseconds(110) })
        let peers = try (0..<8).map { _ in try server.connect() }
        let timer = try server.network.loop.every(.milliseconds(3)) {
            [listener = server.listener] in
            for client in listener.clients {
                client.pauseReceiving()
                client.resumeReceiving()
            }
        }
        server.network.expect("idle", after: .milliseconds(110)) {
            peers.allSatisfy { $0.end == .finished }
        }
        timer.cancel()
        for peer in peers { peer.close() }
        server.network.run()
        #expect(server.reasons == Array(repeating: .idle, count: 8))
    }

    // MARK: - firstMessageTimeout

    @Test("A byte now and then is no first message; a whole line is one")
    func firstMessage() throws {
        let server = try MemoryServer(
            framing: .lines,
            options: .patient {
                $0.firstMessageTimeout = .seconds(4)
                $0.idleTimeout = .seconds(20)
            })
        let good = try server.connect()
        #expect(good.exchange("hello\n") == "hello\n")
        let bad = try server.connect()
        for _ in 0..<7 {
            bad.send("x")
            server.network.run(for: .milliseconds(500))
            #expect(bad.end == .open)
        }
        server.network.expect("its end", after: .milliseconds(500)) { bad.end == .finished }
        bad.close()
        server.network.run()
        #expect(server.ends.map(\.id) == [2])
        #expect(server.reasons == [.noFirstMessage])
        #expect(good.exchange("y\n") == "y\n")
        #expect(good.end == .open)
    }

    // MARK: - maximumLifetime

    @Test("A connection ends when its time is over, however busy it is, and loses nothing")
    func lifetime() throws {
        let server = try MemoryServer(
            options: .patient {
                $0.maximumLifetime = .seconds(4)
                $0.idleTimeout = .seconds(4)
            }, onMessage: { _, _ in })
        server.listener.onConnected = { $0.send("welcome") }
        let peer = try server.connect()
        for _ in 0..<399 {
            peer.send("x")
            server.network.run(for: .milliseconds(10))
        }
        #expect(peer.end == .open)
        server.network.expect("its end", after: .milliseconds(10)) { peer.end == .finished }
        #expect(peer.takeText() == "welcome")
        peer.close()
        server.network.run()
        #expect(server.reasons == [.lifetimeOver])
    }

    // MARK: - writeStallTimeout

    @Test("A peer that never reads has stalled after the time, although it keeps sending")
    func stalled() throws {
        var heard = 0
        let message = pattern(12 << 20)
        let server = try MemoryServer(
            options: .patient {
                $0.writeStallTimeout = .seconds(4)
                $0.holdsAboveHighWatermark = false
            }, onMessage: { _, _ in heard += 1 })
        let peer = try server.connect()
        peer.isReading = false
        try server.client(1).send(message)
        for _ in 0..<39 {
            peer.send("x")
            server.network.run(for: .milliseconds(100))
        }
        #expect(peer.end == .open)
        server.network.expect("stalled", after: .milliseconds(100)) { peer.end == .reset }
        #expect(server.reasons == [.stalled])
        #expect(heard == 39)
        #expect(peer.received.isEmpty)
    }

    @Test("A peer that reads slowly but steadily has not stalled, however long one write takes")
    func steady() throws {
        let message = pattern(1 << 20)
        let server = try MemoryServer(
            options: .patient { $0.writeStallTimeout = .seconds(4) },
            onMessage: { client, _ in client.send(message) })
        let peer = try server.connect()
        peer.isReading = false
        // The kernel takes a little of a write at a time.
        peer.receiveBuffer = 4096
        peer.sendBuffer = 0
        peer.send("x")
        // A quarter of an hour.
        while peer.received.count < message.count {
            server.network.run(for: .milliseconds(3700))
            try #require(server.reasons.isEmpty)
            peer.read(4096)
        }
        #expect(server.network.now > .seconds(900))
        try expect(peer.take(), are: message)
    }

    @Test("A stall is measured from when the queue filled last")
    func stalledAgain() throws {
        let message = pattern(8 << 20)
        let server = try MemoryServer(
            options: .patient { $0.writeStallTimeout = .seconds(10) },
            onMessage: { client, _ in client.send(message) })
        let peer = try server.connect()
        for _ in 0..<3 {
            peer.isReading = false
            peer.send("x")
            server.network.run(for: .milliseconds(9900))
            peer.isReading = true
            server.network.run(for: .seconds(5))
            try expect(peer.take(), are: message)
        }
        peer.isReading = false
        peer.send("x")
        server.network.expect("stalled", after: .seconds(10)) { server.reasons == [.stalled] }
    }

    // MARK: - softSendLimitTime

    @Test("A queue that stays above the soft limit for its time ends a slow receiver")
    func softLimit() throws {
        let message = pattern(1 << 20)
        let server = try MemoryServer(
            options: .patient {
                $0.softSendLimit = 256 * 1024
                $0.softSendLimitTime = .seconds(4)
            }, onMessage: { client, _ in client.send(message) })
        let peer = try server.connect()
        peer.isReading = false
        peer.send("x")
        // It reads on, steadily.
        for _ in 0..<39 {
            server.network.run(for: .milliseconds(100))
            peer.read(4096)
        }
        #expect(server.reasons == [])
        server.network.expect("its end", after: .milliseconds(100)) {
            server.reasons == [.slowReceiver]
        }
        #expect(peer.end == .reset)
    }

    @Test("A queue that rises above the soft limit again and again, and falls in time, is well")
    func softLimitFallen() throws {
        let message = pattern(1 << 20)
        var queued: [Int] = []
        let server = try MemoryServer(
            options: .patient {
                $0.softSendLimit = 256 * 1024
                $0.softSendLimitTime = .seconds(4)
            },
            onMessage: { client, _ in
                client.send(message)
                queued.append(client.bytesQueued)
            })
        let peer = try server.connect()
        for round in 1...4 {
            peer.isReading = false
            peer.send("x")
            server.network.run(for: .milliseconds(3900))
            #expect(queued.count == round)
            peer.isReading = true
            server.network.run(for: .milliseconds(200))
            try expect(peer.take(), are: message)
        }
        #expect(queued.allSatisfy { $0 > 256 * 1024 })
        #expect(server.reasons == [])
    }
}
