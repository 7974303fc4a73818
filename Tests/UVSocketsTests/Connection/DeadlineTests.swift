import Foundation
import Testing
import UVSockets

@Suite("Deadlines", .ownThreads, .timeLimit(.minutes(1)))
struct DeadlineTests {
    /// How much earlier than told a clock of whole milliseconds may be.
    private static let earliness = Duration.milliseconds(10)
    /// How much later a slow machine may be.
    private static let lateness = Duration.seconds(5)

    // MARK: - idleTimeout

    @Test("A silent peer is idle after the time, and not before", arguments: [100, 350])
    func idle(milliseconds: Int) throws {
        let timeout = Duration.milliseconds(milliseconds)
        var options = UVListenerOptions()
        options.connection.idleTimeout = timeout
        try withServer(options: options) { server in
            let began = ContinuousClock.now
            let peer = try server.connect()
            #expect(try peer.receiveToEnd() == [])
            Self.expectTime(since: began, timeout)
            peer.close()
            #expect(try server.ended.first().reason == .idle)
        }
    }

    @Test("Each message puts idleness off")
    func putOff() throws {
        var options = UVListenerOptions()
        options.connection.idleTimeout = .seconds(1)
        try withServer(options: options) { server in
            let peer = try server.connect()
            var last = ContinuousClock.now
            for _ in 0..<8 {
                try #require(!peer.poll(seconds: 0.2))
                last = .now
                try #require(try peer.exchange([1]) == [1])
            }
            #expect(try peer.receiveToEnd() == [])
            Self.expectTime(since: last, .seconds(1))
            peer.close()
            #expect(try server.ended.first().reason == .idle)
        }
    }

    @Test(
        "What is sent puts idleness off where it counts", arguments: [1, 1 << 15], [true, false])
    func countsSent(size: Int, counts: Bool) throws {
        var options = UVListenerOptions()
        options.connection.idleTimeout = .seconds(1)
        options.connection.idleCountsSent = counts
        try withServer(options: options) { server in
            let peer = try server.connect()
            try server.connected.wait(for: 1)
            let message = pattern(size)
            var last = ContinuousClock.now
            let began = last
            var rounds = 0
            while rounds < (counts ? 8 : 100) {
                _ = peer.poll(seconds: 0.2)
                last = .now
                server.post { $0.clients.first?.send(message) }
                let back = try peer.receive(size)
                if back.isEmpty { break }
                try expect(back, are: message)
                rounds += 1
            }
            if counts {
                #expect(rounds == 8)
                #expect(try peer.receiveToEnd() == [])
                Self.expectTime(since: last, .seconds(1))
            } else {
                #expect(rounds < 100)
                Self.expectTime(since: began, .seconds(1))
            }
            peer.close()
            #expect(try server.ended.first().reason == .idle)
        }
    }

    @Test("What changes the deadlines when one is due already changes nothing about it")
    func overdue() throws {
        var options = UVListenerOptions()
        options.connection.idleTimeout = .milliseconds(110)
        let timers = Journal<Void>()
        try withServer(options: options) { server in
            let peers = try (0..<8).map { _ in try server.connect() }
            try server.connected.wait(for: peers.count)
            server.post { listener in
                var timer: UVTimer?
                timer = try? listener.loop.every(.milliseconds(3)) {
                    for client in listener.clients {
                        client.pauseReceiving()
                        client.resumeReceiving()
                    }
                    guard listener.clients.isEmpty else { return }
                    timer?.cancel()
                    timers.append(())
                }
            }
            for peer in peers {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
            #expect(try server.ended.wait(for: 8).allSatisfy { $0.reason == .idle })
            try timers.first()
        }
    }

    // MARK: - firstMessageTimeout

    @Test("A byte now and then is no first message; a whole line is one")
    func firstMessage() throws {
        var options = UVListenerOptions()
        options.connection.firstMessageTimeout = .milliseconds(400)
        options.connection.idleTimeout = .seconds(20)
        try withServer(framing: .lines, options: options) { server in
            let began = ContinuousClock.now
            let good = try server.connect()
            try good.send("hello\n")
            try server.connected.wait(for: 1)
            let bad = try server.connect()
            var bytes = 0
            try Self.until(bad.poll(seconds: 0.05)) {
                try bad.send("x")
                bytes += 1
            }
            Self.expectTime(since: began, .milliseconds(400))
            #expect(bytes > 1)
            // By a FIN, or by a reset where a byte was under way.
            #expect((try? bad.receiveToEnd()) ?? [] == [])
            bad.close()
            let end = try server.ended.first()
            #expect(end.id == 2)
            #expect(end.reason == .noFirstMessage)

            #expect(try good.receive(6) == Array("hello\n".utf8))
            #expect(!good.poll(seconds: 0.4))
            #expect(try good.exchange(Array("y\n".utf8)) == Array("y\n".utf8))
            #expect(server.ended.entries.count == 1)
        }
    }

    // MARK: - maximumLifetime

    @Test("A connection ends when its time is over, however busy it is, and loses nothing")
    func lifetime() throws {
        var options = UVListenerOptions()
        options.connection.maximumLifetime = .milliseconds(400)
        options.connection.idleTimeout = .milliseconds(400)
        try withServer(
            options: options, onMessage: { _, _ in },
            configure: { $0.onConnected = { $0.send("welcome") } },
            body: { server in
                let began = ContinuousClock.now
                let peer = try server.connect()
                #expect(try peer.receive(7) == Array("welcome".utf8))
                try Self.until(peer.poll(seconds: 0.02)) { try peer.send("x") }
                Self.expectTime(since: began, .milliseconds(400))
                peer.close()
                #expect(try server.ended.first().reason == .lifetimeOver)
            })
    }

    // MARK: - writeStallTimeout

    @Test("A peer that never reads has stalled after the time, although it keeps sending")
    func stalled() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = .milliseconds(400)
        options.connection.holdsAboveHighWatermark = false
        let heard = Journal<Int>()
        let message = pattern(12 << 20)
        try withServer(
            options: options, onMessage: { _, bytes in heard.append(bytes.count) },
            configure: { $0.onConnected = { $0.send(message) } },
            body: { server in
                let began = ContinuousClock.now
                let peer = try server.connect(receiveBuffer: 2048)
                try Self.until(!server.ended.entries.isEmpty) {
                    _ = peer.poll(0, seconds: 0.03)
                    try? peer.send("x")
                }
                Self.expectTime(since: began, .milliseconds(400))
                let end = try server.ended.first()
                #expect(end.reason == .stalled)
                #expect(end.bytesQueued > 0)
                #expect(heard.entries.count > 1)
                #expect((try? peer.receiveToEnd().count) ?? 0 < message.count)
            })
    }

    @Test("A peer that reads slowly but steadily has not stalled, however long one write takes")
    func steady() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = .milliseconds(400)
        let message = pattern(1 << 20)
        try withServer(
            options: options, onMessage: { client, _ in client.send(message) },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                try server.connected.wait(for: 1)
                let port = peer.local.port
                let descriptor = try #require(
                    RawSocket.sockets.first { RawSocket.peerPort(of: $0) == port })
                var room: Int32 = 32 * 1024
                let status = unsafe setsockopt(
                    descriptor, SOL_SOCKET, SO_SNDBUF, &room,
                    socklen_t(MemoryLayout<Int32>.size))
                try #require(status == 0)

                let began = ContinuousClock.now
                try peer.send("x")
                var back: [UInt8] = []
                while back.count < message.count {
                    _ = peer.poll(0, seconds: 0.01)
                    let some = try peer.receiveSome(8192)
                    try #require(!some.isEmpty)
                    back += some
                }
                try expect(back, are: message)
                // Twice the time: the second look would have found it stalled.
                #expect(ContinuousClock.now - began > .milliseconds(800))
                #expect(server.ended.entries.isEmpty)
            })
    }

    @Test("A stall is measured from when the queue filled last")
    func stalledAgain() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = .seconds(1)
        let message = pattern(8 << 20)
        try withServer(
            options: options, onMessage: { client, _ in client.send(message) },
            body: { server in
                let peer = try server.connect(receiveBuffer: 1 << 18)
                for _ in 0..<3 {
                    try peer.send("x")
                    #expect(!peer.poll(0, seconds: 0.2))
                    try expect(peer.receive(message.count), are: message)
                    #expect(!peer.poll(seconds: 0.5))
                }
                #expect(server.ended.entries.isEmpty)
            })
    }

    // MARK: - softSendLimitTime

    @Test("A queue that stays above the soft limit for its time ends a slow receiver")
    func softLimit() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = nil
        options.connection.softSendLimit = 256 * 1024
        options.connection.softSendLimitTime = .milliseconds(400)
        let message = pattern(12 << 20)
        try withServer(
            options: options,
            configure: { $0.onConnected = { $0.send(message) } },
            body: { server in
                let began = ContinuousClock.now
                let peer = try server.connect(receiveBuffer: 4096)
                // It reads on, steadily.
                try Self.until(!server.ended.entries.isEmpty) {
                    _ = peer.poll(0, seconds: 0.02)
                    _ = try? peer.receiveSome(4096, flags: Int32(MSG_DONTWAIT))
                }
                Self.expectTime(since: began, .milliseconds(400))
                let end = try server.ended.first()
                #expect(end.reason == .slowReceiver)
                #expect(end.bytesQueued > 256 * 1024)
            })
    }

    @Test("A queue that rises above the soft limit again and again, and falls in time, is well")
    func softLimitFallen() throws {
        var options = UVListenerOptions()
        options.connection.softSendLimit = 256 * 1024
        options.connection.softSendLimitTime = .milliseconds(1500)
        let queued = Journal<Int>()
        let message = pattern(12 << 20)
        try withServer(
            options: options,
            onMessage: { client, _ in
                client.send(message)
                queued.append(client.bytesQueued)
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: 1 << 18)
                for round in 1...4 {
                    try peer.send("x")
                    #expect(try queued.wait(for: round)[round - 1] > 256 * 1024)
                    #expect(!peer.poll(0, seconds: 0.3))
                    try expect(peer.receive(message.count), are: message)
                    #expect(!peer.poll(seconds: 0.2))
                }
                #expect(server.ended.entries.isEmpty)
            })
    }

    /// Goes on until the condition holds.
    private static func until(
        _ condition: @autoclosure () -> Bool, _ body: () throws -> Void
    ) throws {
        let began = ContinuousClock.now
        while !condition() {
            guard ContinuousClock.now - began < .seconds(patience) else {
                throw TimedOut("it goes on")
            }
            try body()
        }
    }

    private static func expectTime(since began: ContinuousClock.Instant, _ timeout: Duration) {
        let elapsed = ContinuousClock.now - began
        #expect(elapsed >= timeout - earliness)
        #expect(elapsed <= timeout + lateness)
    }
}
