import Testing
import UVSocketsTesting

@testable import UVSockets

/// By the clock of a network in memory. `EndTests` and others have witnesses on real sockets.
@Suite("The time that an end takes", .onPool, .timeLimit(.minutes(1)))
struct EndTimeTests {
    // MARK: - Flushing

    @Test(
        "A peer that reads nothing more is given up after the flush timeout, not before",
        arguments: [1, 300, 30_000, 600_000])
    func flushTimeout(milliseconds: Int) throws {
        var options = UVListenerOptions.patient
        options.connection.flushTimeout = .milliseconds(milliseconds)
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        peer.isReading = false
        let client = try server.client(1)
        client.send(pattern(1 << 20))
        client.close()
        server.network.expect("its end", after: .milliseconds(milliseconds)) {
            server.reasons == [.closed]
        }
        #expect(server.ends[0].bytesQueued > 0)
        #expect(peer.end == .reset)
    }

    @Test("A peer that reads again within the flush timeout gets all")
    func flushed() throws {
        let server = try MemoryServer(options: .patient)
        let payload = pattern(1 << 20)
        let peer = try server.connect()
        peer.isReading = false
        let client = try server.client(1)
        client.send(payload)
        client.close()
        server.network.run(for: .milliseconds(29_999))
        #expect(server.reasons == [])
        peer.isReading = true
        server.network.run()
        try expect(peer.take(), are: payload)
        #expect(peer.end == .finished)
    }

    // MARK: - Lingering

    @Test(
        "A peer that does not close in turn is given up after the linger timeout",
        arguments: [300, 5000, 600_000])
    func lingerTimeout(milliseconds: Int) throws {
        var options = UVListenerOptions()
        options.connection.lingerTimeout = .milliseconds(milliseconds)
        options.connection.flushTimeout = .seconds(3600)
        let server = try MemoryServer(
            options: options,
            onMessage: { client, message in
                client.send(message)
                client.close()
            })
        let peer = try server.connect()
        #expect(peer.exchange("x") == "x")
        #expect(peer.end == .finished)
        server.network.expect("its end", after: .milliseconds(milliseconds)) {
            server.reasons == [.closed]
        }
    }

    @Test("A peer that closes in turn is not waited for")
    func closesInTurn() throws {
        let server = try MemoryServer()
        let peer = try server.connect()
        try server.client(1).close()
        server.network.run(for: .milliseconds(500))
        #expect(server.reasons == [])
        peer.close()
        server.network.run()
        #expect(server.reasons == [.closed])
        #expect(server.network.now == .milliseconds(500))
    }

    /// A connection that has sent much and closed, and a peer that still reads, and sends.
    private static func lingering(
        _ bytes: [UInt8]
    ) throws -> (server: MemoryServer, peer: UVTestPeer) {
        var options = UVListenerOptions.patient
        options.connection.lingerTimeout = .seconds(1)
        options.connection.flushTimeout = .seconds(30)
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        peer.isReading = false
        peer.receiveBuffer = 4096
        // The kernel has all at once.
        peer.sendBuffer = bytes.count
        try server.client(1).send(bytes)
        try server.client(1).close()
        server.network.run()
        return (server, peer)
    }

    @Test("A peer that still reads, and sends, gets the last byte, however long the linger timeout")
    func lingersWhileTaken() throws {
        let payload = pattern(60_000)
        let (server, peer) = try Self.lingering(payload)
        while peer.received.count < payload.count {
            server.network.run(for: .milliseconds(900))
            peer.read(2000)
            // Something unread, whenever the server closes.
            peer.send("x")
        }
        #expect(server.network.now >= .seconds(27))
        try expect(peer.take(), are: payload)
        server.network.run(for: .seconds(2))
        #expect(server.reasons == [.closed])
    }

    @Test("It is waited for no longer than the flush timeout")
    func lingersNoLonger() throws {
        let (server, peer) = try Self.lingering(pattern(1 << 20))
        while server.reasons.isEmpty, server.network.now < .seconds(60) {
            server.network.run(for: .milliseconds(500))
            peer.read(2000)
        }
        // It is looked at when the linger timeout is over, again and again.
        #expect(server.network.now >= .seconds(30) && server.network.now <= .seconds(32))
        #expect(server.reasons == [.closed])
    }

    @Test("One that stops reading is given up when the linger timeout has passed once more")
    func stopsReading() throws {
        let (server, peer) = try Self.lingering(pattern(60_000))
        for _ in 0..<5 {
            server.network.run(for: .milliseconds(900))
            peer.read(2000)
        }
        #expect(server.reasons == [])
        server.network.run(for: .milliseconds(2300))
        #expect(server.reasons == [.closed])
    }

    // MARK: - Pauses

    @Test(
        "What a peer sent before it finished is delivered, however long receiving was paused",
        arguments: [1, 60, 3600])
    func pausedAfterBothFinished(seconds: Int) throws {
        var heard = ""
        var options = UVListenerOptions()
        options.connection.idleTimeout = nil
        let server = try MemoryServer(options: options) { heard += String(message: $1) }
        server.listener.onConnected = { client in
            client.pauseReceiving()
            client.finish()
        }
        let peer = try server.connect()
        #expect(peer.end == .finished)
        peer.send("late")
        peer.finish()
        server.network.run(for: .seconds(seconds))
        #expect(server.reasons == [])
        try server.client(1).resumeReceiving()
        server.network.run()
        #expect(heard == "late")
        #expect(server.reasons == [.peerClosed])
    }

    @Test(
        "A reset is noticed within about two seconds while receiving is paused",
        arguments: ["", "a\nb\nc\n", "a\nbb"])
    func resetWhilePaused(kept: String) throws {
        let server = try MemoryServer(framing: .lines) { client, _ in client.pauseReceiving() }
        if kept.isEmpty { server.listener.onConnected = { $0.pauseReceiving() } }
        let peer = try server.connect()
        peer.send(kept.isEmpty ? "unread" : kept)
        server.network.run(for: .seconds(60))
        peer.reset()
        server.network.run(for: .milliseconds(2400))
        #expect(server.reasons == [.peerReset])
    }

    // MARK: - Peers that are there, and peers that are gone

    @Test("One that reads nothing is there, however long its window is closed")
    func deaf() throws {
        var options = UVListenerOptions.patient
        options.connection.keepAlive = UVKeepAlive(
            idle: .seconds(60), interval: .seconds(10), count: 6)
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        peer.isReading = false
        let payload = pattern(1 << 20)
        try server.client(1).send(payload)
        server.network.run(for: .seconds(7200))
        #expect(server.reasons == [])
        peer.isReading = true
        server.network.run()
        try expect(peer.take(), are: payload)
    }

    @Test(
        "One that acknowledges nothing has vanished after the keep-alive's patience, give or take a tenth",
        arguments: [100, 1 << 20])
    func gone(bytes: Int) throws {
        var options = UVListenerOptions.patient
        options.connection.keepAlive = UVKeepAlive(
            idle: .seconds(60), interval: .seconds(10), count: 6)
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        #expect(peer.exchange("x") == "x")
        // The time since the last answer does not count: it was asked nothing.
        server.network.run(for: .seconds(1003))
        peer.vanish()
        try server.client(1).send(pattern(bytes))
        server.network.run(for: .seconds(107))
        #expect(server.reasons == [])
        server.network.run(for: .seconds(26))
        #expect(server.reasons == [.peerVanished])
    }

    // MARK: - Draining

    /// Without a flush timeout that is shorter than the drain time.
    private static var draining: UVListenerOptions {
        var options = UVListenerOptions.patient
        options.connection.flushTimeout = .seconds(3600)
        return options
    }

    @Test(
        "A client that does not read is cut off when the drain time is over, and its bytes are counted",
        arguments: [0, 1, 200, 60_000])
    func cutOff(milliseconds: Int) throws {
        let payload = pattern(1 << 20)
        let server = try MemoryServer(options: Self.draining)
        let peer = try server.connect()
        peer.isReading = false
        server.listener.broadcast(payload)
        var report: UVDrainReport?
        server.listener.stop(drainFor: .milliseconds(milliseconds)) { report = $0 }
        if milliseconds > 0 {
            server.network.run(for: .milliseconds(milliseconds - 1))
            #expect(report == nil)
            server.network.run(for: .milliseconds(1))
        } else {
            server.network.run()
        }
        // What the peer's kernel has acknowledged is not lost, for all that anybody knows.
        let lost = payload.count - 64 * 1024
        #expect(report == UVDrainReport(drained: 0, cutOff: 1, bytesLost: lost))
        #expect(server.reasons == [.listenerStopped])
        #expect(peer.end == .reset)
    }

    @Test("A client that reads in the last moment of the drain time has got all")
    func lastMoment() throws {
        let payload = pattern(1 << 20)
        let server = try MemoryServer(options: Self.draining)
        let peer = try server.connect()
        peer.isReading = false
        server.listener.broadcast(payload)
        var report: UVDrainReport?
        server.listener.stop(drainFor: .seconds(60)) { report = $0 }
        server.network.run(for: .milliseconds(59_900))
        peer.isReading = true
        server.network.run()
        try expect(peer.take(), are: payload)
        peer.close()
        server.network.run()
        #expect(report == UVDrainReport(drained: 1, cutOff: 0, bytesLost: 0))
        #expect(server.network.now == .milliseconds(59_900))
    }

    @Test("A client that has finished, and reads all in the drain time, has got all")
    func finishedClient() throws {
        let payload = pattern(1 << 20)
        let server = try MemoryServer(options: .patient)
        let peer = try server.connect()
        peer.isReading = false
        server.listener.broadcast(payload)
        peer.finish()
        var report: UVDrainReport?
        server.listener.stop(drainFor: .seconds(60)) { report = $0 }
        peer.read(2048)
        // Longer than what it says takes to come.
        server.network.run(for: .seconds(29))
        #expect(report == nil)
        peer.isReading = true
        server.network.run(for: .milliseconds(200))
        #expect(peer.received.count == payload.count)
        #expect(report == UVDrainReport(drained: 1, cutOff: 0, bytesLost: 0))
    }
}
