import Foundation
import Testing

@testable import UVSockets

@Suite("Two connections in one task", .onPool, .onEachTransport, .timeLimit(.minutes(2)))
struct RelayTests {
    /// Not isolated: it runs elsewhere than on the client's loop.
    @concurrent private static func proxy(
        _ client: UVAsyncConnection, to endpoint: UVEndpoint
    ) async throws {
        #expect(!client.loop.isOnLoop)
        try await client.connect(to: endpoint) { server in
            #expect(server.loop === client.loop)
            try await server.send("first ")
            try await client.relay(with: server)
        }
    }

    @Test("A function that runs elsewhere connects and relays, too")
    func elsewhere() async throws {
        let listener = try RawListener()
        let target = listener.local
        try await withTaskServer(handler: { try await Self.proxy($0, to: target) }) { server in
            let peer = try server.connect()
            let far = try listener.accept()
            try peer.send("hello")
            #expect(try far.receive(11) == Array("first hello".utf8))
            try far.send("answer")
            #expect(try peer.receive(6) == Array("answer".utf8))
            try peer.finish()
            #expect(try far.receiveToEnd() == [])
            far.close()
            #expect(try peer.receiveToEnd() == [])
        }
    }

    /// How a relay, or what was around it, ended.
    private enum Outcome: Equatable {
        case returned
        case ended(UVEndReason)
        case failed(String)
    }

    /// Runs a server that relays each client to another server, and writes down how each relay ended.
    private func withProxy(
        to upstream: UVEndpoint, framing: UVFraming = .raw, upstreamFraming: UVFraming = .raw,
        options: UVListenerOptions = .patient,
        outcomes: Journal<Outcome> = Journal(), arrivals: Journal<Void> = Journal(),
        ended: Journal<UVEndReason> = Journal(),
        before:
            nonisolated(nonsending) @escaping @Sendable (
                _ client: UVAsyncConnection, _ server: UVAsyncConnection
            ) async throws -> Void = { _, _ in },
        body: @escaping @Sendable (TaskServer) throws -> Void
    ) async throws {
        try await withTaskServer(
            framing: framing, options: options,
            setUp: { $0.onDisconnected = { _, reason in ended.append(reason) } },
            handler: { client in
                arrivals.append(())
                do {
                    try await client.connect(to: upstream, framing: upstreamFraming) { server in
                        try await before(client, server)
                        try await client.relay(with: server)
                    }
                    outcomes.append(.returned)
                } catch let reason as UVEndReason {
                    outcomes.append(.ended(reason))
                    throw reason
                } catch {
                    outcomes.append(.failed("\(error)"))
                    throw error
                }
            }, body: body)
    }

    // MARK: - Connecting from a handler

    @Test("A handler's connection to another server is on the client's loop, and both are at hand")
    func asksInTurn() async throws {
        let threads = Journal<Bool>()
        try await withTaskServer(framing: .lines, handler: ServeTests.Form.owned.echo) { upstream in
            let endpoint = upstream.endpoint
            let tested = Journal<Result<Void, any Error>>()
            Task {
                do {
                    try await withTaskServer(
                        framing: .lines, loops: 2,
                        handler: { client in
                            // The count need not be Sendable, and neither need the clients be.
                            var count = 0
                            try await client.connect(to: endpoint, framing: .lines) { server in
                                threads.append(
                                    server.connection.loop === client.connection.loop
                                        && server.connection.loop.isOnLoop)
                                for try await line in client.messages {
                                    try await server.send(line)
                                    guard let answer = try await server.nextMessage() else {
                                        return
                                    }
                                    count += 1
                                    try await client.send(
                                        "\(count): " + String(decoding: answer, as: UTF8.self))
                                }
                            }
                        },
                        body: { server in
                            for _ in 0..<6 {
                                let peer = try server.connect()
                                try peer.send("one\ntwo\n")
                                let answers = Array("1: one\n2: two\n".utf8)
                                #expect(try peer.receive(answers.count) == answers)
                                try peer.finish()
                                #expect(try peer.receiveToEnd() == [])
                            }
                        })
                    tested.append(.success(()))
                } catch {
                    tested.append(.failure(error))
                }
            }
            try tested.first(seconds: 90).get()
        }
        #expect(threads.entries == Array(repeating: true, count: 6))
    }

    @Test("Where nobody listens the handler gets the error, and its client is closed")
    func refused() async throws {
        let outcomes = Journal<Outcome>()
        let endpoint = try RawListener().local
        try await withProxy(to: endpoint, outcomes: outcomes) { server in
            let peer = try server.connect()
            #expect(try peer.receiveToEnd() == [])
        }
        #expect(
            outcomes.entries == [
                .failed("connect \(endpoint): connection refused (ECONNREFUSED)")
            ])
    }

    @Test("A server that stops gives up what its handlers still connect to")
    func stoppedConnecting() async throws {
        let outcomes = Journal<Outcome>()
        let arrivals = Journal<Void>()
        let silent = try RawListener.silent()
        try await withProxy(to: silent.local, outcomes: outcomes, arrivals: arrivals) { server in
            let peer = try server.connect()
            try arrivals.wait(for: 1)
            server.cancel()
            #expect(try peer.receiveToEnd() == [])
            peer.close()
            try server.returned()
        }
        #expect(outcomes.entries == [.failed("CancellationError()")])
    }

    @Test("On a given loop, client and server are on the thread that runs it")
    func givenLoop() async throws {
        try await onThreadOfItsOwn {
            let loop = try UVLoop()
            let thread = pthread_self()
            let answer = try loop.run {
                let listener = try RawListener()
                let endpoint = listener.local
                Thread.detachNewThread {
                    guard let peer = try? listener.accept() else { return }
                    while let some = try? peer.receiveSome(), !some.isEmpty { try? peer.send(some) }
                }
                return try await UVConnector.connect(to: endpoint, framing: .lines, on: loop) {
                    server in
                    #expect(pthread_self() == thread)
                    try await server.send("over there")
                    let answer = try await server.nextMessage()
                    #expect(pthread_self() == thread)
                    return answer
                }
            }
            #expect(answer == Array("over there".utf8))
            try loop.close()
        }.get()
    }

    // MARK: - Relaying

    @Test("All bytes pass, both ways at once, however slow each way is for a time")
    func bothWays() async throws {
        let outcomes = Journal<Outcome>()
        try await withTaskServer(handler: ServeTests.Form.borrowed.echo) { upstream in
            let endpoint = upstream.endpoint
            let tested = Journal<Result<Void, any Error>>()
            Task {
                do {
                    try await withProxy(to: endpoint, outcomes: outcomes) { server in
                        let peer = try server.connect()
                        let bytes = pattern(24 << 20)
                        // Nothing is read until all buffers are full: either way is held back then.
                        let sent = try peer.sendUntilHeld()
                        #expect(sent > (Transport.current == .tcp ? 1 << 20 : 1 << 18))
                        Thread.detachNewThread {
                            try? peer.send(bytes)
                            try? peer.finish()
                        }
                        let chunk = pattern(1 << 16)
                        var first: [UInt8] = []
                        while first.count < sent {
                            first += chunk.prefix(sent - first.count)
                        }
                        try expect(peer.receive(sent), are: first)
                        try expect(peer.receiveToEnd(), are: bytes)
                    }
                    tested.append(.success(()))
                } catch {
                    tested.append(.failure(error))
                }
            }
            try tested.first(seconds: 100).get()
        }
        #expect(outcomes.entries == [.returned])
    }

    @Test("A peer that has finished still gets what the other answers")
    func halfClosed() async throws {
        let outcomes = Journal<Outcome>()
        let upstream = try RawListener()
        try await withProxy(to: upstream.local, outcomes: outcomes) { server in
            let peer = try server.connect()
            try peer.send("question")
            try peer.finish()
            let other = try upstream.accept()
            #expect(try other.receiveToEnd() == Array("question".utf8))
            try other.send("the answer")
            other.close()
            #expect(try peer.receiveToEnd() == Array("the answer".utf8))
        }
        #expect(outcomes.entries == [.returned])
    }

    @Test(
        "Who takes nothing holds back who sends, and not the other way, and gets all in the end",
        arguments: [false, true])
    func heldBack(isClient: Bool) async throws {
        let upstream = try RawListener()
        try await withProxy(to: upstream.local) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            let (sender, taker) = isClient ? (other, peer) : (peer, other)
            let sent = try sender.sendUntilHeld()
            // What the kernel's buffers of two connections hold, and the relay's.
            #expect(sent < 128 << 20)
            try taker.send("meanwhile")
            #expect(try sender.receive(9) == Array("meanwhile".utf8))
            try sender.finish()
            let received = try taker.receiveToEnd()
            #expect(received.count == sent)
        }
    }

    @Test("Where the one that takes nothing is reset, the other one is closed")
    func resetWhileHeld() async throws {
        let outcomes = Journal<Outcome>()
        let upstream = try RawListener()
        try await withProxy(to: upstream.local, outcomes: outcomes) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            _ = try peer.sendUntilHeld()
            try other.reset()
            #expect((try? peer.receiveToEnd()) ?? [] == [])
            #expect(try outcomes.first() == .ended(.peerReset))
        }
    }

    @Test("When a relay is over, a client that does not read is held back again", .tcpOnly)
    func heldAfterwards() async throws {
        let upstream = try RawListener()
        let holds = Journal<ReceiveHolds>()
        try await withTaskServer(
            handler: { client in
                do {
                    try await client.connect(to: upstream.local) { server in
                        try await client.relay(with: server)
                    }
                } catch {
                    holds.append(client.connection.holds)
                    while try await client.nextMessage() != nil {}
                    holds.append(client.connection.holds)
                }
            },
            body: { server in
                let peer = try server.connect()
                let other = try upstream.accept()
                let sent = try other.sendUntilHeld()
                try other.reset()
                #expect(try holds.first() == .sendQueue)
                try peer.send("x")
                try peer.finish()
                // What had come when the reset did, which is not all.
                let received = try peer.receiveToEnd().count
                #expect(received > 0 && received < sent)
                #expect(try holds.wait(for: 2)[1] == [])
            })
    }

    @Test(
        "A client that resets resets the connection to the other server", .tcpOnly,
        arguments: [false, true])
    func clientReset(isHeld: Bool) async throws {
        let outcomes = Journal<Outcome>()
        let ended = Journal<UVEndReason>()
        let upstream = try RawListener()
        try await withProxy(to: upstream.local, outcomes: outcomes, ended: ended) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            if isHeld {
                _ = try peer.sendUntilHeld()
            } else {
                try peer.send("x")
                #expect(try other.receive(1) == [UInt8(ascii: "x")])
            }
            try peer.reset()
            #expect(try ended.first() == .peerReset)
            // What was on its way arrives before.
            let (rest, error) = other.receiveToReset()
            #expect(isHeld != rest.isEmpty)
            #expect(error == ECONNRESET)
            #expect(try outcomes.first() == .ended(.peerReset))
        }
    }

    @Test("A server that resets resets the client, too, behind what it has sent", .tcpOnly)
    func serverReset() async throws {
        let upstream = try RawListener()
        try await withProxy(to: upstream.local) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            try other.send(pattern(100_000))
            try other.send("half an answ")
            // What a reset overtakes in the kernel nobody can pass on.
            #expect(try peer.receive(100_012).count == 100_012)
            try other.reset()
            let (rest, error) = peer.receiveToReset()
            #expect(rest == [])
            #expect(error == ECONNRESET)
        }
    }

    @Test("A goodbye does not make whole what was cut off, and the reason is told", .tcpOnly)
    func goodbye() async throws {
        let upstream = try RawListener()
        let outcomes = Journal<Outcome>()
        try await withProxy(to: upstream.local, outcomes: outcomes) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            try other.send("half of the ans")
            #expect(try peer.receive(15).count == 15)
            let (hasBegun, hasStopped) = (Journal<Void>(), Journal<Void>())
            server.remote.beginStop(drainFor: .seconds(20), goodbye: [1, 2, 3]) { _ in
                hasStopped.append(())
            }
            server.remote.forEachListener { _ in hasBegun.append(()) }
            try hasBegun.first()
            try other.reset()
            let (rest, error) = peer.receiveToReset()
            #expect(rest == [])
            #expect(error == ECONNRESET)
            #expect(try outcomes.first() == .ended(.peerReset))
            try hasStopped.first()
        }
    }

    @Test("It is over where the other has ended before, and what nobody takes is told")
    func endedBefore() async throws {
        let upstream = try RawListener()
        let outcomes = Journal<UVEndReason?>()
        try await withTaskServer(
            handler: { client in
                var ended: UVAsyncConnection?
                try await client.connect(to: upstream.local) { server in
                    ended = server
                    while let message = try await server.nextMessage() {
                        try await client.send(message)
                    }
                }
                guard let ended else { return }
                do {
                    try await client.relay(with: ended)
                    outcomes.append(nil)
                } catch {
                    outcomes.append(error as? UVEndReason)
                }
            },
            body: { server in
                for sends in [false, true] {
                    let peer = try server.connect()
                    let other = try upstream.accept()
                    if sends { try peer.send("hello") }
                    try other.send("feed")
                    #expect(try peer.receive(4) == Array("feed".utf8))
                    other.close()
                    let number = sends ? 2 : 1
                    #expect(try outcomes.wait(for: number).last == (sends ? .closed : .some(nil)))
                    peer.close()
                }
            })
    }

    @Test(
        "A client that has finished and pauses gets the rest, however long the flush timeout",
        .tcpOnly)
    func pausedAtEnd() async throws {
        let upstream = try RawListener()
        var options = UVListenerOptions()
        options.connection.flushTimeout = .milliseconds(200)
        try await withProxy(to: upstream.local, options: options) { server in
            let peer = try server.connect(receiveBuffer: 4096)
            let other = try upstream.accept()
            try peer.finish()
            #expect(try other.receiveToEnd() == [])
            // So much that all is in the proxy in the end, with some of it in its queue.
            let payload = pattern(try other.sendUntilHeld())
            var received: [UInt8] = []
            while other.unacknowledged > 0 { received += try peer.receiveSome() }
            other.close()
            #expect(throws: TimedOut.self) { try Journal<Void>().first(seconds: 1) }
            received += try peer.receiveToEnd()
            #expect(received.count == payload.count)
        }
    }

    @Test("Messages that came before the relay began go first")
    func kept() async throws {
        let upstream = try RawListener()
        try await withProxy(
            to: upstream.local, framing: .lines, upstreamFraming: .lines,
            before: { client, server in
                let first = try await client.nextMessage()
                #expect(first == Array("first".utf8))
                try await server.send("hello")
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("first\n" + (0..<500).map { "\($0)\n" }.joined())
                let other = try upstream.accept()
                let expected = "hello\n" + (0..<500).map { "\($0)\n" }.joined()
                #expect(try other.receive(expected.utf8.count) == Array(expected.utf8))
            })
    }

    @Test("What is said in the same turn as the relay begins arrives, too")
    func inOneTurn() async throws {
        let upstream = try RawListener()
        try await withProxy(
            to: upstream.local, framing: .lines, upstreamFraming: .lines,
            before: { client, server in
                try await client.send("who?")
                // Woken by the message, the task goes on within the receive callback.
                guard let name = try await client.nextMessage() else { return }
                try await client.send("welcome")
                try await server.send(name)
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.receive(5) == Array("who?\n".utf8))
                try peer.send("Ada\nhello\n")
                let other = try upstream.accept()
                #expect(try other.receive(10) == Array("Ada\nhello\n".utf8))
                #expect(try peer.receive(8) == Array("welcome\n".utf8))
                try other.send("hello, Ada\n")
                #expect(try peer.receive(11) == Array("hello, Ada\n".utf8))
            })
    }

    @Test("Messages are framed as the connection is on which they leave")
    func translates() async throws {
        let upstream = try RawListener()
        try await withProxy(
            to: upstream.local, framing: .lines,
            upstreamFraming: .lengthPrefix(.bytes2)
        ) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            try peer.send("a\nbc\n\n")
            let prefixed: [UInt8] = [0, 1, 0x61, 0, 2, 0x62, 0x63, 0, 0]
            #expect(try other.receive(prefixed.count) == prefixed)
            try other.send([0, 2, 0x78, 0x79, 0, 1, 0x7a])
            #expect(try peer.receive(5) == Array("xy\nz\n".utf8))
        }
    }

    @Test("A message that the other framing cannot carry ends both, with the reason", .tcpOnly)
    func untranslatable() async throws {
        let outcomes = Journal<Outcome>()
        let upstream = try RawListener()
        try await withProxy(
            to: upstream.local, framing: .lines,
            upstreamFraming: .lengthPrefix(.bytes2), outcomes: outcomes
        ) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            // The second holds a line's end.
            try other.send([0, 1, 0x78, 0, 1, 0x0a, 0, 1, 0x79])
            for (socket, expected) in [(other, ""), (peer, "x\n")] {
                let (bytes, error) = socket.receiveToReset()
                #expect(bytes == Array(expected.utf8))
                #expect(error == ECONNRESET)
            }
        }
        guard case .failed(let words)? = outcomes.entries.first else {
            Issue.record("\(outcomes.entries)")
            return
        }
        #expect(words.contains("line"), "\(words)")
    }

    @Test("When the server stops, a relay goes on until both have finished")
    func stops() async throws {
        let outcomes = Journal<Outcome>()
        let upstream = try RawListener()
        try await withProxy(to: upstream.local, outcomes: outcomes) { server in
            let peer = try server.connect()
            let other = try upstream.accept()
            try peer.send("first")
            #expect(try other.receive(5) == Array("first".utf8))
            let report = Journal<UVDrainReport>()
            let remote = server.remote
            Task { report.append(await remote.stop(drainFor: .seconds(20))) }
            // Those who come before it has stopped find no other server.
            upstream.close()
            while let late = try? server.connect() { late.close() }
            try peer.send("last words")
            try peer.finish()
            #expect(try other.receiveToEnd() == Array("last words".utf8))
            try other.send("and the answer")
            other.close()
            #expect(try peer.receiveToEnd() == Array("and the answer".utf8))
            peer.close()
            #expect(try report.first().cutOff == 0)
        }
        #expect(outcomes.entries.contains(.returned))
    }

    @Test(
        "A relay that is under way when the drain time is over, or is cancelled, resets both",
        .tcpOnly)
    func cutOff() async throws {
        for isCancelled in [false, true] {
            let outcomes = Journal<Outcome>()
            let upstream = try RawListener()
            try await withProxy(to: upstream.local, outcomes: outcomes) { server in
                let peer = try server.connect()
                let other = try upstream.accept()
                try peer.send("half a requ")
                #expect(try other.receive(11).count == 11)
                try other.send("half an answ")
                #expect(try peer.receive(12).count == 12)
                if isCancelled {
                    server.cancel()
                } else {
                    let remote = server.remote
                    Task { await remote.stop(drainFor: .milliseconds(50)) }
                }
                for socket in [peer, other] {
                    let (rest, error) = socket.receiveToReset()
                    #expect(rest == [])
                    #expect(error == ECONNRESET)
                }
                try server.returned()
            }
            #expect(outcomes.entries.count == 1 && outcomes.entries != [.returned])
        }
    }

    /// How the user ends one of the two during a relay.
    enum OwnEnd: CaseIterable {
        case closesServer, resetsServer, closesClient, resetsClient
    }

    @Test(
        "Where the user ends one of them, the other is reset", .tcpOnly, arguments: OwnEnd.allCases)
    func ownEnd(end: OwnEnd) async throws {
        let outcomes = Journal<Outcome>()
        let upstream = try RawListener()
        try await withProxy(
            to: upstream.local, outcomes: outcomes,
            before: { client, server in
                _ = try client.connection.loop.after(.milliseconds(100)) {
                    switch end {
                    case .closesServer: server.connection.close()
                    case .resetsServer: server.connection.reset()
                    case .closesClient: client.connection.close()
                    case .resetsClient: client.connection.reset()
                    }
                }
            },
            body: { server in
                let peer = try server.connect()
                let other = try upstream.accept()
                let isOfServer = end == .closesServer || end == .resetsServer
                let (ended, left) = isOfServer ? (other, peer) : (peer, other)
                try ended.send("half of it")
                #expect(try left.receive(10).count == 10)
                #expect(left.receiveToReset().error == ECONNRESET)
                ended.close()
            })
        #expect(outcomes.entries.count == 1 && outcomes.entries != [.returned])
    }

    @Test("What the other had sent before it went arrives, although nothing can be sent to it")
    func answerBeforeEnd() async throws {
        let upstream = try RawListener()
        try await withProxy(to: upstream.local) { server in
            let peer = try server.connect(receiveBuffer: 4096)
            let other = try upstream.accept()
            let sent = try other.sendUntilHeld()
            var received = 0
            // Until the proxy's kernel has the rest.
            while other.unacknowledged > 0 { received += try peer.receiveSome().count }
            other.close()
            // The second finds that nothing can be sent, and there may be nobody any more for the next.
            for _ in 1...4 {
                try? peer.send("more")
                _ = peer.poll(seconds: 0.05)
            }
            while received < sent {
                let some = try peer.receiveSome()
                if some.isEmpty { break }
                received += some.count
            }
            #expect(received == sent)
        }
    }

    @Test("What the two held is let go when they have ended")
    func freed() async throws {
        let freed = Journal<Void>()
        let upstream = try RawListener()
        try await withProxy(
            to: upstream.local,
            before: { client, server in
                client.connection.userToken = Token(freed)
                server.connection.userToken = Token(freed)
            },
            body: { server in
                let peer = try server.connect()
                let other = try upstream.accept()
                #expect(freed.entries.isEmpty)
                peer.close()
                #expect(try other.receiveToEnd() == [])
                other.close()
                try freed.wait(for: 2)
            })
    }

    @Test("A connection is not relayed with itself", .tcpOnly)
    func itself() async {
        await #expect(processExitsWith: .failure) {
            let listener = try RawListener()
            let peer = try RawPeer(to: listener.local)
            try await UVConnector.connect(to: listener.local) { server in
                try await server.relay(with: server)
            }
            peer.close()
        }
    }
}
