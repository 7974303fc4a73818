import Foundation
import Testing
import UVSocketsTesting

@testable import UVSockets

/// Options of one connection, and the time that a message may take.
@Suite("Options of one connection", .onPool, .timeLimit(.minutes(1)))
struct OwnOptionsTests {
    // MARK: - messageTimeout

    @Test("A message that comes a byte at a time is too slow, the first one and a later one")
    func slowMessage() throws {
        let server = try MemoryServer(
            framing: .lines, options: .patient { $0.messageTimeout = .seconds(5) })
        let (slow, good) = (try server.connect(), try server.connect())
        #expect(slow.exchange("a whole line\n") == "a whole line\n")
        // Silence between messages is no slow message.
        server.network.run(for: .seconds(60))
        slow.send("x")
        for _ in 0..<49 {
            server.network.run(for: .milliseconds(100))
            slow.send("x")
            // A message each time, with the beginning of the next one.
            good.send("y\ny")
        }
        #expect(slow.end == .open)
        server.network.expect("its end", after: .milliseconds(100)) { slow.end == .finished }
        #expect(good.end == .open)
        slow.close()
        server.network.run()
        #expect(server.reasons == [.messageTooSlow])
    }

    @Test("The time in which a client is not read does not count")
    func slowWhilePaused() throws {
        let server = try MemoryServer(
            framing: .lines, options: .patient { $0.messageTimeout = .seconds(5) })
        let peer = try server.connect()
        peer.send("begun")
        server.network.run(for: .seconds(3))
        try server.client(1).pauseReceiving()
        server.network.run(for: .seconds(60))
        #expect(peer.end == .open)
        try server.client(1).resumeReceiving()
        #expect(peer.exchange(" and ended\n") == "begun and ended\n")
    }

    // MARK: - Options of one connection

    @Test("A watermark that is set while bytes are gathered judges what the kernel does not take")
    func watermarkWhileGathering() throws {
        let server = try MemoryServer(
            options: .patient {
                $0.softSendLimit = 10
                $0.softSendLimitTime = .seconds(5)
            })
        let peer = try server.connect()
        let client = try server.client(1)
        try server.network.loop.after(.milliseconds(1)) {
            client.send(pattern(100))
            client.options.highWatermark = 10
        }
        server.network.run(for: .seconds(60))
        #expect(peer.take() == pattern(100))
        // It is neither held back nor taken for slow.
        #expect(peer.exchange("x") == "x")
    }

    @Test("A limit that is set later holds for this connection alone, and can be taken back")
    func idle() throws {
        let server = try MemoryServer(options: .patient)
        let (limited, other) = (try server.connect(), try server.connect())
        let client = try server.client(1)
        client.options.idleTimeout = .seconds(10)
        #expect(client.options.idleTimeout == .seconds(10))
        #expect(try server.client(2).options.idleTimeout == nil)
        server.network.run(for: .seconds(9))
        #expect(limited.exchange("x") == "x")
        // A longer one from now on, as a protocol's keep-alive asks for.
        client.options.idleTimeout = .seconds(90)
        server.network.run(for: .seconds(80))
        #expect(limited.end == .open)
        client.options.idleTimeout = nil
        server.network.run(for: .seconds(3600))
        #expect(limited.exchange("y") == "y")
        client.options.idleTimeout = .seconds(10)
        server.network.expect("its end", after: .seconds(10)) { limited.end == .finished }
        limited.close()
        server.network.run()
        #expect(server.reasons == [.idle])
        #expect(other.exchange("z") == "z")
    }

    @Test("Watermarks and limits of what is queued")
    func queue() throws {
        let server = try MemoryServer(options: .patient { $0.holdsAboveHighWatermark = true })
        let (peer, other) = (try server.connect(), try server.connect())
        for peer in [peer, other] { peer.isReading = false }
        let client = try server.client(1)
        client.options.highWatermark = 4 << 20
        client.options.sendLimit = 5 << 20
        let much = pattern(1 << 20)
        #expect(client.send(much) == .taken)
        server.network.run()
        #expect(client.send(much) == .taken)
        #expect(try server.client(2).send(much) != .closed)
        server.network.run()
        #expect(try server.client(2).send("x") == .takenButFull)
        // Less from now on: it is full at once.
        client.options.highWatermark = 1000
        #expect(client.send("x") == .takenButFull)
        client.options.sendLimit = 1000
        #expect(client.send("x") == .closed)
        server.network.run()
        #expect(server.reasons == [.slowReceiver])
    }

    @Test("Rates, which start anew")
    func rates() throws {
        let server = try MemoryServer(options: .patient { $0.bytesPerSecond = 10 })
        let peer = try server.connect()
        #expect(peer.exchange(String(repeating: "x", count: 30)).count == 30)
        peer.send("held")
        server.network.run(for: .seconds(1))
        #expect(peer.takeText() == "")
        // An operator may send as much as he likes.
        try server.client(1).options.bytesPerSecond = nil
        server.network.run(for: .milliseconds(300))
        #expect(peer.takeText() == "held")
        #expect(peer.exchange(String(repeating: "y", count: 5000)).count == 5000)
        try server.client(1).options.messagesPerSecond = 1
        // One second's worth at once, and the message that passes it.
        #expect(peer.exchange("0") == "0")
        #expect(peer.exchange("1") == "1")
        peer.send("2")
        server.network.run(for: .milliseconds(500))
        #expect(peer.takeText() == "")
        server.network.run(for: .seconds(1))
        #expect(peer.takeText() == "2")
    }

    @Test("A task sets those of its client, and stays half-open", .alsoInMemory)
    func task() async throws {
        let reasons = Journal<UVEndReason>()
        try await withTaskServer(
            handler: { client in
                client.connection.options.idleTimeout = .milliseconds(200)
                client.connection.options.allowsHalfOpen = false
                if try await client.nextMessage() == nil {
                    try await client.send("an answer to a peer that has finished")
                    return
                }
                do {
                    _ = try await client.nextMessage()
                } catch let end as UVEndReason {
                    reasons.append(end)
                }
            },
            body: { server in
                let finished = try server.connect()
                try finished.finish()
                #expect(try finished.receiveToEnd().count == 37)
                let idle = try server.connect()
                try idle.send("x")
                #expect(try idle.receiveToEnd() == [])
                #expect(try reasons.first() == .idle)
            })
    }

    // MARK: - The kernel's buffers

    @Test("The kernel holds as little as it is told, so the queue has the rest")
    func buffers() throws {
        let options = UVListenerOptions.patient {
            $0.sendBufferSize = 8192
            $0.unsentLimit = 4096
            $0.highWatermark = .max
        }
        let queued = Journal<Int>()
        try withServer(
            options: options,
            configure: { listener in
                listener.onConnected = { client in
                    client.send(pattern(4 << 20))
                    _ = try? listener.loop.after(.milliseconds(300)) {
                        queued.append(client.bytesQueued)
                    }
                }
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                #expect(try queued.first() > 4_000_000)
                try expect(peer.receive(4 << 20), are: pattern(4 << 20))
            })
    }
}
