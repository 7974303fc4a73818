import Foundation
import Testing

@testable import UVSockets

@Suite("UVListener.remote", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct ServerHandleTests {
    /// Runs a server for the time of a test, with its remote face.
    private static func withRemote(
        framing: UVFraming = .raw, isHeld: Bool = false,
        configure: @escaping @Sendable (UVListener) -> Void = { _ in },
        body: (Server, UVServerHandle) throws -> Void
    ) throws {
        let remotes = Journal<UVServerHandle>()
        try withServer(
            framing: framing, isHeld: isHeld,
            configure: { listener in
                // Before it listens.
                remotes.append(listener.remote)
                #expect(listener.remote.localEndpoint == nil)
                configure(listener)
            },
            body: { try body($0, remotes.first()) })
    }

    private static func begin<Value: Sendable>(
        _ question: @escaping @Sendable () async -> Value
    ) -> Journal<Value> {
        let answer = Journal<Value>()
        beginTask { answer.append(await question()) }
        return answer
    }

    private static func ask<Value: Sendable>(
        _ question: @escaping @Sendable () async -> Value
    ) throws -> Value {
        try begin(question).first()
    }

    @Test("A closure runs on each loop, and its results come together", arguments: [1, 3])
    func maps(loops: Int) async throws {
        try await withLoops(loops) { group in
            let server = try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
            let found = await server.mapListeners { listener in
                #expect(listener.loop.isOnLoop)
                return ObjectIdentifier(listener.loop)
            }
            #expect(Set(found) == Set(group.loops.map { ObjectIdentifier($0) }))
            await group.stop()
            let afterwards = await server.mapListeners { _ in 1 }
            #expect(afterwards.isEmpty)
        }
    }

    @Test("Other threads and tasks ask, broadcast and kick by way of it")
    func fromOutside() throws {
        try Self.withRemote { server, remote in
            #expect(remote.localEndpoint == server.endpoint)
            let peers = try (0..<3).map { _ in try server.connect() }
            for peer in peers { #expect(try peer.exchange([1, 2]) == [1, 2]) }
            let stats = try Self.ask { await remote.stats() }
            #expect(stats.clients == 3)
            #expect(stats.bytesReceived == 6)
            let snapshot = try Self.ask { await remote.snapshot() }
            #expect(snapshot.stats == stats)
            #expect(snapshot.clients.map(\.id).sorted() == [1, 2, 3])
            #expect(try Self.ask { await remote.broadcast("a", except: 2) }.receivers == 2)
            #expect(remote.post("b"))
            for (peer, text) in zip(peers, ["ab", "b", "ab"]) {
                #expect(try peer.receive(text.utf8.count) == Array(text.utf8))
            }
            #expect(try Self.ask { await remote.kick(3) })
            #expect(try !Self.ask { await remote.kick(4) })
            #expect(try peers[2].receiveToEnd() == [])
            #expect(try server.onLoop { $0.remote === remote })
        }
    }

    @Test("Stopped by way of it, a listener drains, and listens nowhere")
    func stop() throws {
        try Self.withRemote { server, remote in
            let peer = try server.connect()
            #expect(try peer.exchange([1]) == [1])
            let report = Self.begin { await remote.stop(goodbye: Array("bye".utf8)) }
            #expect(try peer.receiveToEnd() == Array("bye".utf8))
            peer.close()
            #expect(try report.first() == UVDrainReport(drained: 1))
            #expect(remote.localEndpoint == nil)
            #expect(try Self.ask { await remote.stop() } == UVDrainReport())
            #expect(try Self.ask { await remote.stats() }.accepted == 1)
        }
    }

    @Test("Where the loop does not run yet, the answer comes when it does")
    func held() throws {
        try Self.withRemote(isHeld: true) { server, remote in
            let answer = Self.begin { await remote.stats() }
            let sum = Journal<Int>()
            #expect(remote.forEachListener { sum.append($0.clients.count) })
            #expect(throws: TimedOut.self) { try answer.wait(for: 1, seconds: 0.2) }
            #expect(sum.entries.isEmpty)
            server.run()
            let (stats, count) = (try answer.first(), try sum.first())
            #expect(stats.clients == 0)
            #expect(count == 0)
        }
    }

    @Test("On its own loop what is asked is done at once, and in order with everything else")
    func onLoop() throws {
        try Self.withRemote(
            framing: .lines,
            configure: { listener in
                // Before it listens there is nobody, and it does no harm.
                #expect(listener.remote.post("nobody"))
                let id = ObjectIdentifier(listener)
                let isRun = Journal<Bool>()
                listener.remote.forEachListener { isRun.append(ObjectIdentifier($0) == id) }
                #expect(isRun.entries == [true])
            },
            body: { server, remote in
                let peer = try server.connect()
                try server.connected.wait(for: 1)
                let receivers = try server.onLoop { listener in
                    listener.broadcast("1")
                    remote.post("2")
                    listener.client(1)?.send("3")
                    remote.forEachListener { $0.broadcast("4") }
                    return listener.broadcast("5").receivers
                }
                #expect(receivers == 1)
                #expect(try peer.receive(10) == Array("1\n2\n3\n4\n5\n".utf8))
            })
    }

    @Test("A task on the loop is answered there, without waiting for another turn")
    func taskOnLoop() throws {
        try Self.withRemote { server, remote in
            let peer = try server.connect()
            try server.connected.wait(for: 1)
            let answers = Journal<Bool>()
            let loop = server.loop
            Task(executorPreference: loop) {
                answers.append(loop.isOnLoop)
                let stats = await remote.stats()
                answers.append(loop.isOnLoop && stats.clients == 1)
                let receipt = await remote.broadcast("x")
                answers.append(loop.isOnLoop && receipt.sent == 1)
                answers.append(await remote.kick(1))
            }
            #expect(try answers.wait(for: 4) == [true, true, true, true])
            #expect(try peer.receiveToEnd() == [UInt8(ascii: "x")])
        }
    }

    @Test("What a listener's loop leaves unanswered when it is closed has no answer to wait for")
    func closed() throws {
        let remote = try onThread {
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            let remote = listener.remote
            try listener.startAccept()
            #expect(remote.localEndpoint == listener.localEndpoint)
            #expect(remote.localEndpoint != nil)
            listener.stop()
            loop.run()
            try loop.close()
            return remote
        }
        #expect(try Self.ask { await remote.stats() } == UVListenerStats())
        #expect(try Self.ask { await remote.stop() } == UVDrainReport())
        #expect(try Self.ask { await remote.broadcast("x") } == UVBroadcastReceipt())
        #expect(!remote.post("x"))
        #expect(remote.localEndpoint == nil)
    }

    @Test("What one thread asks for is done in that order, by whichever way it comes")
    func order() throws {
        try Self.withRemote(framing: .lines) { server, remote in
            let peer = try server.connect()
            try server.connected.wait(for: 1)
            let done = Self.begin {
                for number in 0..<300 {
                    switch number % 4 {
                    case 0: await remote.broadcast("\(number)")
                    case 1: remote.post("\(number)")
                    case 2: remote.forEachListener { $0.client(1)?.send("\(number)") }
                    default: server.post { $0.broadcast("\(number)") }
                    }
                }
            }
            let expected = (0..<300).map { "\($0)\n" }.joined()
            #expect(try peer.receive(expected.utf8.count) == Array(expected.utf8))
            try done.first()
        }
    }
}
