import Foundation
import Testing
import UVSocketsTesting

@testable import UVSockets

@Suite("The counts of guards", .ownThreads, .timeLimit(.minutes(1)))
struct GuardCountTests {
    private func metrics(of server: MemoryServer) throws -> ListenerMetrics {
        var collected: ListenerMetrics?
        server.listener.collectMetrics { collected = $0 }
        server.network.run()
        return try #require(collected)
    }

    private func held(_ by: String, _ metrics: ListenerMetrics) -> Int? {
        metrics.held.first { $0.by == by }?.clients
    }

    @Test("The high watermark, and who is held by what")
    func watermark() throws {
        var options = UVListenerOptions()
        options.connection.highWatermark = 1000
        let server = try MemoryServer(options: options)
        let (slow, paused) = (try server.connect(), try server.connect())
        slow.isReading = false
        try server.client(1).send(pattern(4 << 20))
        try server.client(2).pauseReceiving()
        let metrics = try metrics(of: server)
        #expect(metrics.watermarkRises == 1)
        #expect(held("send_queue", metrics) == 1)
        #expect(held("paused", metrics) == 1)
        #expect(held("rate", metrics) == 0)
        withExtendedLifetime((slow, paused)) {}
    }

    @Test("The flush timeout and the linger timeout")
    func ends() throws {
        var options = UVListenerOptions()
        options.connection.flushTimeout = .seconds(1)
        options.connection.writeStallTimeout = nil
        let server = try MemoryServer(options: options)
        let (deaf, open) = (try server.connect(), try server.connect())
        deaf.isReading = false
        try server.client(1).send(pattern(16 << 20))
        for id: UVConnection.ID in [1, 2] { try server.client(id).close() }
        server.network.run(for: .seconds(10))
        let metrics = try metrics(of: server)
        #expect(metrics.flushTimeouts == 1)
        #expect(metrics.lingerTimeouts == 1)
        #expect(metrics.durations.counts.reduce(0, +) == 2)
        withExtendedLifetime((deaf, open)) {}
    }

    @Test("The task limit")
    func tasks() throws {
        var options = UVListenerOptions()
        options.connection.taskLimit = 1
        let server = try MemoryServer(framing: .lines, options: options) { client, _ in
            client.task { await Task.yield() }
        }
        let peer = try server.connect()
        peer.send("a\nb\n")
        #expect(server.network.wait { (try? metrics(of: server).taskHolds) == 2 })
    }

    @Test("Clients wait for a place, are drained, or are cut off")
    func places() throws {
        let server = try MemoryServer(options: UVListenerOptions(maxConnections: 1))
        let first = try server.connect()
        #expect(try metrics(of: server).acceptHolds == 1)
        #expect(try !metrics(of: server).isStopping)
        try server.client(1).send(pattern(16 << 20))
        server.listener.stop(drainFor: .zero)
        server.network.run()
        let metrics = try metrics(of: server)
        #expect(metrics.isStopping)
        #expect(metrics.cutOff == 1 && metrics.drained == 0)
        #expect(metrics.bytesLost > 0)
        withExtendedLifetime(first) {}
    }

    @Test("Broadcasts, by what became of them for each client")
    func broadcasts() throws {
        var options = UVListenerOptions()
        options.connection.highWatermark = 1000
        let server = try MemoryServer(options: options)
        let (slow, fast) = (try server.connect(), try server.connect())
        slow.isReading = false
        try server.client(1).send(pattern(4 << 20))
        server.listener.broadcast("skipped", whenSlow: .skip)
        server.listener.broadcast("one", whenSlow: .keepLatest(key: "a"))
        server.listener.broadcast("two", whenSlow: .keepLatest(key: "a"))
        server.listener.broadcast("three", whenSlow: .wait)
        let metrics = try metrics(of: server)
        let counts = Dictionary(
            uniqueKeysWithValues: metrics.broadcasts.map { ($0.outcome, $0.count) })
        #expect(counts["skipped"] == 1)
        #expect(counts["replaced"].map { $0 >= 1 } == true)
        #expect(counts["sent"].map { $0 >= 2 } == true)
        #expect(metrics.broadcastWaits == 1)
        withExtendedLifetime((slow, fast)) {}
    }

    @Test("Clients that the kernel ignores because the backlog is full")
    func backlog() throws {
        try onThread {
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "127.0.0.1:0", backlog: 1) { $0.send($1) }
            try listener.startAccept()
            let endpoint = try #require(listener.localEndpoint)
            // Nobody accepts meanwhile. What does not fit is ignored.
            let peers = try (0..<8).map { _ in
                let peer = try RawPeer.unconnected()
                _ = fcntl(peer.descriptor, F_SETFL, O_NONBLOCK)
                // It fails because it would have to wait, and goes on meanwhile.
                try? peer.connect(to: endpoint)
                return peer
            }
            var drops: UInt64 = 0
            // The kernel counts when the last packet of a handshake comes.
            try until {
                listener.collectMetrics { drops = $0.backlogDrops }
                return drops > 0
            }
            for peer in peers { peer.close() }
            listener.stop(drainFor: .zero)
            loop.run()
            try loop.close()
        }
    }

    @Test("Submissions that are refused")
    func submissions() throws {
        let loop = try UVLoop(submissionLimit: 2)
        let results = (0..<5).map { _ in loop.submit {} }
        #expect(results == [true, true, false, false, false])
        #expect(loop.inbox.counts.waiting == 2)
        #expect(loop.inbox.counts.refused == 3)
    }
}
