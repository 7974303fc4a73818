import Foundation
import Testing
import UVSocketsTesting

@testable import UVSockets

#if canImport(Glibc)
    import Glibc
#endif

/// Each cause is planted, with real sockets where the kernel is the witness.
@Suite("Why a connection waits", .ownThreads, .timeLimit(.minutes(1)))
struct WhyTests {
    // MARK: - What the connection itself knows

    @Test("Nothing waits")
    func nothing() throws {
        var options = UVListenerOptions()
        options.connection.idleTimeout = .seconds(60)
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        #expect(peer.exchange("a") == "a")
        server.network.run(for: .seconds(20))
        let client = try server.client(1)
        expect(
            client.why, .nothing, "Nothing waits. It has said nothing for 20 s. It ends in 40 s.")
        peer.close()
        server.network.run()
        expect(client.why, .ended, "It has ended: closed by the peer.")
    }

    @Test("It is paused, and where")
    func paused() throws {
        let server = try MemoryServer { client, _ in client.pauseReceiving() }
        let peer = try server.connect()
        peer.send("a")
        server.network.run(for: .seconds(3))
        let why = try server.client(1).why
        #expect(why.cause == .held)
        let words = "We do not receive: pauseReceiving was called at WhyTests.swift:"
        #expect(why.description.hasPrefix(words), "\(why)")
        #expect(why.description.hasSuffix(", 3.0 s ago."), "\(why)")
    }

    @Test("It sends more than its rate allows")
    func rate() throws {
        var options = UVListenerOptions()
        options.connection.bytesPerSecond = 100
        let server = try MemoryServer(options: options)
        let peer = try server.connect()
        peer.send(String(repeating: "a", count: 400))
        server.network.run(for: .seconds(1))
        expect(
            try server.client(1).why, .held,
            "We do not receive: it sent more than its rate allows. We do again in 2.0 s.")
    }

    @Test("As many tasks of its messages run as may")
    func tasks() throws {
        var options = UVListenerOptions()
        options.connection.taskLimit = 2
        let server = try MemoryServer(framing: .lines, options: options) { client, _ in
            client.task { await TaskSlot().waitUnlessCancelled(on: client.loop) }
        }
        let peer = try server.connect()
        peer.send("a\nb\nc\n")
        server.network.run(for: .seconds(2))
        expect(
            try server.client(1).why, .held,
            "We do not receive for 2.0 s: 2 tasks of its messages run, and 2 may (taskLimit).")
        peer.close()
    }

    @Test(
        "A part of a message has come",
        arguments: [
            (UVFraming.lengthPrefix(.bytes4), [0, 0, 2, 0, 1, 2, 3], "7 of 516 bytes"),
            (.lines, Array("GET".utf8), "3 bytes"), (.fixed(100), [1], "1 of 100 bytes"),
            (.netstring, Array("200:a".utf8), "5 of 205 bytes"),
            (.lengthPrefix(.bytes4), [0], "1 byte"),
        ])
    func part(_ framing: UVFraming, _ bytes: [UInt8], _ words: String) throws {
        var options = UVListenerOptions()
        options.connection.messageTimeout = .seconds(30)
        let server = try MemoryServer(framing: framing, options: options)
        let peer = try server.connect()
        peer.send(bytes)
        server.network.run(for: .seconds(4))
        expect(
            try server.client(1).why, .partialMessage,
            "It sent \(words) of a message, the last 4.0 s ago. It ends in 26 s.")
    }

    @Test("A layer has not opened it")
    func opening() throws {
        final class Shut: WireLayer {
            func begin(_ port: LayerPort) {}
            func receive(_ bytes: Span<UInt8>, _ port: LayerPort) {}
            func send(_ bytes: Span<UInt8>, _ port: LayerPort) {}
            func finish(_ port: LayerPort) {}
        }
        var options = UVListenerOptions()
        options.connection.firstMessageTimeout = .seconds(5)
        let server = try MemoryServer(options: options)
        server.listener.makeLayer = { Shut() }
        let peer = try server.connect()
        server.network.run(for: .seconds(2))
        expect(
            try server.client(1).why, .opening,
            "A layer has not opened the connection yet, 2.0 s after it began. It ends in 3.0 s.")
        peer.close()
    }

    @Test("It is closing, and its program does not read")
    func closing() throws {
        let server = try MemoryServer { client, _ in
            client.send([UInt8](repeating: 1, count: 4 << 20))
            client.close()
        }
        let peer = try server.connect()
        peer.isReading = false
        peer.send("a")
        server.network.run(for: .seconds(1))
        let client = try server.client(1)
        let why = client.why
        #expect(why.cause == .closing)
        #expect(why.description.hasPrefix("It is closing (closed): "), "\(why)")
        #expect(why.description.contains(" have still to leave. Its program does not read: "))
    }

    @Test("Its task awaits something else")
    func elsewhere() async throws {
        let asked = Journal<UVWhy?>()
        try await withTaskServer(framing: .lines) { client in
            for try await _ in client.messages {
                await TaskSlot().waitUnlessCancelled(on: client.loop)
            }
        } body: { server in
            let peer = try server.connect()
            try peer.send(Array("a\nb\n".utf8))
            beginTask {
                while !Task.isCancelled {
                    let why = await server.remote.why(of: 1)
                    guard why == nil || why?.cause == .nothing else { return asked.append(why) }
                }
            }
            let why = try #require(try asked.first())
            #expect(why.cause == .taskElsewhere, "\(why)")
            #expect(why.description.hasSuffix("2 bytes wait for it."), "\(why)")
            server.cancel()
            peer.close()
        }
    }

    // MARK: - What the kernel knows

    @Test("Its program does not read", arguments: [true, false])
    func notReading(holds: Bool) async throws {
        var options = UVListenerOptions()
        options.connection.holdsAboveHighWatermark = holds
        options.connection.writeStallTimeout = .seconds(30)
        try await withGroup(loops: 1, options: options) { _ in
            { client, _ in client.send([UInt8](repeating: 1, count: 8 << 20)) }
        } body: { server in
            let peer = try server.arrive(receiveBuffer: 4096).peer
            try peer.send("a")
            let why = try server.why(until: .peerDoesNotRead)
            #expect(
                why.description.hasPrefix(
                    "Its program does not read: its receive window is closed."),
                "\(why)")
            #expect(why.description.contains(" wait here, and "), "\(why)")
            #expect(why.description.contains("It is reset in "), "\(why)")
            let groups = try server.ask { await $0.why() }
            #expect(groups.map(\.cause) == [.peerDoesNotRead])
            #expect(groups.first?.clients == [1] && groups.first?.count == 1)
        }
    }

    @Test("Nobody answers: the network loses everything")
    func lost() async throws {
        let result = await onThreadOfItsOwn {
            try withNetwork(ports: 40_000...41_000) {
                let loop = try UVLoopGroup(loops: 1)
                let server = Journal<UVServerHandle>()
                beginTask {
                    guard
                        let made = try? await loop.listen(
                            at: "127.0.0.1:0", framing: .raw,
                            makeHandler: { _ in { client, message in client.send(message) } })
                    else { return }
                    server.append(made)
                }
                let handle = try server.first()
                let peer = try RawPeer(to: #require(handle.localEndpoint))
                #expect(try peer.exchange([1]) == [1])
                try RawSocket.setLoopback(isUp: false)
                beginTask { await handle.broadcast([2]) }
                let why = try handle.waits(until: .networkLoses)
                #expect(
                    why.description.hasPrefix("The network loses, or its host is gone: "), "\(why)")
                #expect(why.description.contains("It counts as gone after 120 s"), "\(why)")
                try RawSocket.setLoopback(isUp: true)
                #expect(try peer.receive(1) == [2])
                _ = try handle.waits(until: .nothing)
                peer.close()
                beginTask { await loop.stop(drainFor: .zero) }
            }
        }
        try result.get()
    }

    @Test("The path is slow")
    func slow() async throws {
        try await withGroup(loops: 1) { _ in
            { client, _ in
                // SO_MAX_PACING_RATE, socket(7): as much as a slow line takes.
                var rate: UInt32 = 100_000
                client.handle.socket?.set(SOL_SOCKET, 47, &rate)
                client.send([UInt8](repeating: 1, count: 3 << 20))
            }
        } body: { server in
            let peer = try server.arrive().peer
            let isOver = Journal<Int>()
            Thread.detachNewThread { isOver.append((try? peer.receiveToEnd().count) ?? -1) }
            try peer.send("a")
            let why = try server.why(until: .slowPath)
            #expect(why.description.hasPrefix("The path is slow: "), "\(why)")
            #expect(why.description.contains(" were acknowledged in "), "\(why)")
            // The reader has to be done with the socket before it is closed.
            _ = try server.onEachLoop { $0.client(1)?.reset() }
            _ = try isOver.first()
            peer.close()
        }
    }

    @Test("Its loop is blocked, and by whom")
    func blocked() async throws {
        let go = Journal<Void>()
        try await withGroup(loops: 2) { _ in
            { client, message in
                if message.count > 1 { _ = try? go.first() }
                client.send(message)
            }
        } body: { server in
            let peers = try server.connect(2)
            for peer in peers { _ = try peer.exchange([1]) }
            try peers[0].send("ab")
            let why = try server.why(until: .loopBlocked)
            let words =
                "Loop 0 does not answer: the message handler of client 1 of the listener at "
            #expect(why.description.hasPrefix(words), "\(why)")
            let groups = try server.ask { await $0.why() }
            #expect(groups.map(\.cause) == [.loopBlocked, .nothing])
            #expect(groups.last?.clients == [2])
            go.append(())
            #expect(try peers[0].receive(2) == Array("ab".utf8))
        }
    }

    private func expect(
        _ why: UVWhy, _ cause: UVWhy.Cause, _ words: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(why.cause == cause, sourceLocation: sourceLocation)
        #expect(why.description == words, sourceLocation: sourceLocation)
    }
}

extension GroupServer {
    /// Asks why the first client waits, until it waits for this cause.
    fileprivate func why(until cause: UVWhy.Cause) throws -> UVWhy {
        try remote.waits(until: cause)
    }
}

extension UVServerHandle {
    fileprivate func waits(until cause: UVWhy.Cause) throws -> UVWhy {
        let answer = Journal<UVWhy>()
        let task = beginTask {
            while !Task.isCancelled {
                guard let why = await self.why(of: 1) else { continue }
                if why.cause == cause { return answer.append(why) }
            }
        }
        defer { task.cancel() }
        return try answer.first()
    }
}

extension WhyTests {
    // MARK: - The decision

    /// What the kernel says of a connection, and the cause.
    struct Verdict: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let cause: UVWhy.Cause
        let facts: @Sendable () -> WhyFacts

        init(
            _ name: String, _ cause: UVWhy.Cause,
            _ change: @escaping @Sendable (inout WhyFacts, inout TCPState, inout TCPState) -> Void
        ) {
            testDescription = name
            self.cause = cause
            facts = {
                var facts = WhyFacts()
                var (before, now) = (TCPState(), TCPState())
                before.window = 65_536
                before.roundTrip = 20_000
                before.sinceSent = 100
                (facts.queued, now) = (100_000, before)
                change(&facts, &before, &now)
                facts.earlier = WhyFacts.Sample(tcp: before, inKernel: 5000, time: 1000)
                facts.kernel = WhyFacts.Sample(tcp: now, inKernel: 5000, time: 1100)
                return facts
            }
        }
    }

    @Test(
        "The kernel's numbers tell the cause, and never blame the network wrongly",
        arguments: [
            Verdict("a closed window", .peerDoesNotRead) { $2.window = 0 },
            Verdict("an answered probe of a closed window", .peerDoesNotRead) {
                ($2.window, $2.probes, $2.sinceAcknowledged) = (0, 1, 15_000)
            },
            Verdict("probes without an answer", .networkLoses) {
                ($2.window, $2.probes, $2.sinceAcknowledged) = (0, 2, 3000)
            },
            Verdict("an old kernel, a closed window", .peerDoesNotRead) {
                ($2.window, $2.probes) = (nil, 1)
            },
            Verdict("a window that opens and closes", .peerDoesNotRead) {
                $2.windowLimited = $1.windowLimited + 80_000
            },
            Verdict("sent again without an answer", .networkLoses) {
                ($2.retransmits, $2.unacknowledged) = (3, 4)
                ($2.sinceSent, $2.sinceAcknowledged) = (500, 2000)
            },
            Verdict("sent again just now: the answer is on its way", .peerDoesNotRead) {
                ($2.retransmits, $2.unacknowledged) = (3, 4)
                ($2.sinceSent, $2.sinceAcknowledged) = (10, 1500)
            },
            Verdict("sent again and answered, without room", .peerDoesNotRead) {
                ($2.retransmits, $2.unacknowledged) = (3, 4)
                ($2.sinceSent, $2.sinceAcknowledged) = (500, 480)
            },
            Verdict("losses that are repaired", .networkLoses) {
                ($1.totalRetransmits, $2.totalRetransmits) = (10, 17)
            },
            Verdict("one loss long ago", .slowPath) {
                ($1.totalRetransmits, $2.totalRetransmits) = (10, 10)
            },
            Verdict("a small send buffer", .sendBufferSmall) { $2.bufferLimited = 93_000 },
            Verdict("a slow path", .slowPath) { $2.bytesAcknowledged = 12_000 },
            Verdict("bytes that have just left", .nothing) {
                $0.queued = 0
                $2.sinceSent = 5
                $2.window = 65_536
            },
        ])
    func table(_ verdict: Verdict) {
        var facts = verdict.facts()
        if verdict.cause == .nothing { facts.earlier = nil }
        #expect(facts.why.cause == verdict.cause, "\(facts.why)")
    }

    @Test("Whatever the kernel gives, also less than it should, is read")
    func info() {
        var bytes = [UInt8](repeating: 0, count: 240)
        (bytes[1], bytes[2], bytes[3], bytes[24], bytes[44]) = (4, 5, 6, 7, 8)
        (bytes[56], bytes[69], bytes[100], bytes[121], bytes[229]) = (9, 1, 10, 1, 1)
        guard let state = TCPState(bytes.span) else {
            Issue.record("not read")
            return
        }
        #expect(state.isRepairing && state.retransmits == 5 && state.probes == 6)
        #expect(state.unacknowledged == 7 && state.sinceSent == 8 && state.sinceAcknowledged == 9)
        #expect(state.roundTrip == 256 && state.totalRetransmits == 10)
        #expect(state.bytesAcknowledged == 256 && state.window == 256)
        for count in 0..<240 {
            let part = TCPState(bytes.span.extracting(first: count))
            #expect((part == nil) == (count < 104))
            #expect(part?.window == (count < 232 ? nil : 256))
        }
    }
}
