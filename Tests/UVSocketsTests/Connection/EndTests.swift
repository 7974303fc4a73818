import Foundation
import Testing
import UVSockets

@Suite("The end of a connection", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct EndTests {
    enum Callback: CaseIterable, Sendable {
        case connected, message, drained, peerFinished, disconnected
    }

    enum Act: CaseIterable, Sendable {
        case close, reset, kick

        var reason: UVEndReason {
            switch self {
            case .close: .closed
            case .reset: .reset
            case .kick: .kicked
            }
        }

        func callAsFunction(on client: UVConnection) {
            switch self {
            case .close: client.close()
            case .reset: client.reset()
            case .kick: client.listener?.kick(client)
            }
        }
    }

    @Test(
        "A connection can be ended in each of its callbacks, and ends once",
        arguments: Callback.allCases, Act.allCases)
    func everywhere(callback: Callback, act: Act) throws {
        let reply = pattern(8 << 20)
        let replied = Journal<UVSendResult>()
        var options = UVListenerOptions()
        options.connection.allowsHalfOpen = callback == .peerFinished
        try withServer(
            options: options,
            onMessage: { client, _ in
                if callback == .drained { replied.append(client.send(reply)) }
                if callback == .message { act(on: client) }
            },
            configure: { listener in
                let end: (UVConnection) -> Void = { client in
                    act(on: client)
                    // A second one changes nothing, and nothing more can be sent.
                    client.close()
                    #expect(!client.isOpen)
                    #expect(client.send("x") == .closed)
                }
                if callback == .connected { listener.onConnected = end }
                if callback == .drained { listener.onDrained = end }
                if callback == .peerFinished { listener.onPeerFinished = end }
                if callback == .disconnected {
                    listener.onDisconnected = { client, _ in end(client) }
                }
            },
            body: { server in
                // With this window, and as long as nobody reads, the kernel cannot take all of the
                // reply.
                let peer = try server.connect(receiveBuffer: 4096)
                do {
                    try peer.send("x")
                    if callback == .peerFinished || callback == .disconnected {
                        try peer.finish()
                    }
                    if callback == .drained { #expect(try replied.first() == .takenButFull) }
                    let received = try peer.receiveToEnd()
                    #expect(
                        act != .reset || callback == .disconnected
                            || !Transport.current.hasResets)
                    if callback == .drained { try expect(received, are: reply) }
                } catch let error as SocketError {
                    #expect([ECONNRESET, EPIPE].contains(error.number))
                    #expect(act == .reset)
                }
                peer.close()
                let reason = try server.ended.first().reason
                #expect(reason == (callback == .disconnected ? .peerClosed : act.reason))
            })
    }

    @Test(
        "What was sent before a close arrives, what was sent after it does not",
        arguments: [Act.close, .kick])
    func flushes(act: Act) throws {
        let payload = pattern(4 << 20)
        try withServer(
            onMessage: { client, _ in
                client.send("first ")
                client.send(payload)
                client.send(" last")
                act(on: client)
                #expect(client.send("never") == .closed)
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                try peer.send("x")
                let expected = Array("first ".utf8) + payload + Array(" last".utf8)
                try expect(peer.receiveToEnd(), are: expected)
                peer.close()
                let end = try server.ended.first()
                #expect(end.reason == act.reason)
                #expect(Int(end.bytesSent) == expected.count)
            })
    }

    @Test("The last bytes are not lost to a reset when the peer is still sending")
    func lingers() throws {
        try withServer(
            onMessage: { client, _ in
                client.send("bye")
                client.close()
            },
            body: { server in
                let peer = try server.connect()
                try peer.send(pattern(4 << 20))
                #expect(try peer.receiveToEnd() == Array("bye".utf8))
                try peer.finish()
                #expect(try server.ended.first().reason == .closed)
            })
    }

    @Test(
        "The flush timeout begins when the connection is closed, however long that callback has run"
    )
    func flushTimeout() throws {
        var options = UVListenerOptions()
        options.connection.flushTimeout = .milliseconds(300)
        let closed = Journal<ContinuousClock.Instant>()
        let payload = pattern(12 << 20)
        try withServer(
            options: options,
            configure: { listener in
                listener.onConnected = { client in
                    client.send(payload)
                    // The time begins now, however long this callback has run.
                    let start = ContinuousClock.now
                    while ContinuousClock.now - start < .milliseconds(400) {}
                    closed.append(.now)
                    client.close()
                }
            },
            body: { server in
                let peer = try server.connect()
                let end = try server.ended.first()
                let took = try ContinuousClock.now - closed.first()
                #expect(end.reason == .closed)
                #expect(end.bytesQueued > 0)
                // A timer may be a millisecond early.
                #expect(took >= .milliseconds(299))
                if Transport.current.hasResets {
                    #expect(throws: SocketError.self) { try peer.receiveToEnd() }
                }
            })
    }

    @Test("A peer that does not close in turn is given up after the linger timeout")
    func lingerTimeout() throws {
        var options = UVListenerOptions()
        options.connection.lingerTimeout = .milliseconds(300)
        options.connection.flushTimeout = .seconds(3600)
        let closed = Journal<ContinuousClock.Instant>()
        try withServer(
            options: options,
            onMessage: { client, message in
                client.send(message)
                closed.append(.now)
                client.close()
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                #expect(try peer.receiveToEnd() == [UInt8(ascii: "x")])
                let end = try server.ended.first()
                let took = try ContinuousClock.now - closed.first()
                #expect(end.reason == .closed)
                // A timer may be a millisecond early.
                #expect(took >= .milliseconds(299))
            })
    }

    @Test(
        "A peer that still reads, and sends, gets the last byte, however long the linger timeout",
        .tcpOnly)
    func lingersWhileTaken() throws {
        var options = UVListenerOptions()
        options.connection.lingerTimeout = .milliseconds(200)
        let payload = pattern(200_000)
        try withServer(
            options: options,
            configure: { listener in
                listener.onConnected = { client in
                    client.send(payload)
                    client.close()
                }
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                var received: [UInt8] = []
                let began = ContinuousClock.now
                while received.count < payload.count {
                    received += try peer.receiveSome(2000)
                    // Something unread, whenever the server closes.
                    try peer.send("x")
                    // A slow reader: this is what is tested, not a wait for something.
                    usleep(10_000)
                }
                try expect(received, are: payload)
                #expect(ContinuousClock.now - began > .milliseconds(800))
                #expect(try peer.receiveToEnd() == [])
                // The linger timeout may be over by now.
                peer.close()
                #expect(try server.ended.first().reason == .closed)
            })
    }

    @Test("An ended connection stays valid: it takes nothing and still tells its counters")
    func afterwards() throws {
        final class Keeper {
            var client: UVConnection?
            var peer: UVEndpoint?
        }
        let seen = Journal<String>()
        try withServer(
            configure: { listener in
                let keeper = Keeper()
                listener.onConnected = { client in
                    keeper.client = client
                    keeper.peer = client.peer
                }
                listener.onDisconnected = { _, _ in
                    _ = try? listener.loop.after(.milliseconds(1)) {
                        guard let client = keeper.client else { return }
                        client.finish()
                        client.close()
                        client.reset()
                        client.pauseReceiving()
                        client.resumeReceiving()
                        listener.kick(client)
                        seen.append(
                            """
                            \(client.send("x")) \(client.isOpen) \(client.bytesReceived) \
                            \(client.bytesSent) \(client.bytesQueued) \(client.peer == keeper.peer) \
                            \(client.localEndpoint == nil) \(listener.clients.count)
                            """)
                    }
                }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.exchange([1, 2, 3]) == [1, 2, 3])
                peer.close()
                #expect(try seen.first() == "closed false 3 3 0 true true 0")
            })
    }
}
