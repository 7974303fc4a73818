import Foundation
import Logging
import Testing
import UVSockets

/// A server as a value, and the state that its handlers share.
@Suite("A server as a value", .onPool, .onEachTransport, .timeLimit(.minutes(1)))
struct ServerValueTests {
    /// Runs a server as a test wants it, until that is done.
    private static func run(
        _ server: UVServer,
        _ start: @escaping @Sendable (UVServer) async throws -> Void,
        body: @escaping @Sendable (UVServerHandle, Task<Void, any Error>) throws -> Void
    ) async throws {
        var server = server
        let (listening, listens) = AsyncStream.makeStream(of: UVServerHandle.self)
        server.onListening = { listens.yield($0) }
        let task = Task { [server] in
            defer { listens.finish() }
            try await start(server)
        }
        var handles = listening.makeAsyncIterator()
        guard let handle = await handles.next() else { return try await task.value }
        let result = await onThreadOfItsOwn { try body(handle, task) }
        task.cancel()
        try await task.value
        try result.get()
    }

    private static func echo() -> UVServer {
        UVServer(at: Transport.freeEndpoint(), framing: .lines) { client in
            for try await line in client.messages { try await client.send(line) }
            try await client.send("last words")
        }
    }

    private static func peer(of handle: UVServerHandle) throws -> RawPeer {
        try RawPeer(to: #require(handle.localEndpoint))
    }

    @Test("It runs on loops of its own, and a stop lets its handlers finish", arguments: [1, 3])
    func ownLoops(loops: Int) async throws {
        var server = Self.echo()
        server.loops = loops
        try await Self.run(server) {
            try await $0.run()
        } body: { handle, _ in
            let peers = try (0..<6).map { _ in try Self.peer(of: handle) }
            for peer in peers {
                #expect(try peer.exchange(Array("a\n".utf8)) == Array("a\n".utf8))
            }
            Task { await handle.stop() }
            for peer in peers {
                #expect(try peer.receiveToEnd() == Array("last words\n".utf8))
                peer.close()
            }
        }
    }

    @Test("It runs on a group of the user's, twice, and leaves the group as it was")
    func group() async throws {
        let group = try UVLoopGroup(loops: 2)
        for _ in 0..<2 {
            try await Self.run(Self.echo()) {
                try await $0.run(on: group)
            } body: { handle, _ in
                let peers = try (0..<4).map { _ in try Self.peer(of: handle) }
                for peer in peers {
                    #expect(try peer.exchange(Array("a\n".utf8)) == Array("a\n".utf8))
                }
                for peer in peers { peer.close() }
            }
        }
        await group.stop()
    }

    @Test("It runs on a loop that the user runs")
    func loop() async throws {
        let (server, handles) = (Self.echo(), Journal<UVServerHandle>())
        let loop = try UVLoop()
        let end = Task {
            try await onThreadOfItsOwn {
                try loop.run {
                    var server = server
                    server.onListening = { handles.append($0) }
                    try await server.run(on: loop)
                }
                try loop.close()
            }.get()
        }
        try await onThreadOfItsOwn {
            let peer = try Self.peer(of: handles.first())
            #expect(try peer.exchange(Array("a\n".utf8)) == Array("a\n".utf8))
            loop.stop()
            #expect(try peer.receiveToEnd() == [])
        }.get()
        try await end.value
    }

    @Test("A signal stops it gracefully, and a second one at once", .tcpOnly)
    func signals() async {
        await #expect(processExitsWith: .success) {
            let hasStopped = Journal<Void>()
            var server = UVServer(at: "127.0.0.1:0", framing: .lines) { client in
                for try await line in client.messages { try await client.send(line) }
                hasStopped.append(())
                // It does not end by itself.
                _ = try await client.ended
            }
            (server.drainTime, server.goodbye) = (.seconds(3600), Array("goodbye".utf8))
            try await Self.run(server) {
                try await $0.run(stoppingOn: [.terminate, .interrupt])
            } body: { handle, task in
                let peer = try Self.peer(of: handle)
                #expect(try peer.exchange(Array("a\n".utf8)) == Array("a\n".utf8))
                // Thread Sanitizer may keep a signal, so each is sent until it was taken.
                repeat {
                    kill(getpid(), SIGTERM)
                } while (try? hasStopped.wait(for: 1, seconds: 0.05)) == nil
                for _ in 0..<600 where !peer.poll(seconds: 0.05) { kill(getpid(), SIGINT) }
                try #require(peer.poll(seconds: 0))
                _ = try? peer.receiveToEnd()
            }
        }
    }

    @Test("A server with callbacks runs like one of tasks", arguments: [1, 3])
    func callbacks(loops: Int) async throws {
        let ended = Journal<UVEndReason>()
        var server = UVServer.callbacks(at: Transport.freeEndpoint(), framing: .lines) { listener in
            var lines = 0
            listener.onDisconnected = { ended.append($1) }
            return { client, line in
                lines += 1
                client.send("\(lines) \(String(message: line))")
            }
        }
        server.loops = loops
        try await Self.run(server) {
            try await $0.run()
        } body: { handle, task in
            let peers = try (0..<loops).map { _ in try Self.peer(of: handle) }
            for peer in peers {
                try peer.send("a\n")
                // Each loop counts for itself, and each has one of the clients.
                #expect(try peer.receive(4) == Array("1 a\n".utf8))
            }
            // A peer that has finished is not kept half-open.
            try peers[0].finish()
            #expect(try peers[0].receiveToEnd() == [])
            #expect(try ended.first() == .peerClosed)
            task.cancel()
            for peer in peers.dropFirst() { #expect(try peer.receiveToEnd() == []) }
        }
    }

    @Test("It says why it cannot listen")
    func taken() async throws {
        let listener = try RawListener()
        let server = UVServer(at: listener.local) { _ in }
        let error = await #expect(throws: UVError.self) { try await server.run() }
        #expect(error?.code == .addressInUse)
    }

    // MARK: - State

    /// Of a class that is not `Sendable`.
    private final class Scores {
        var lines = 0
        let loop: UVLoop

        init(_ loop: UVLoop) {
            self.loop = loop
        }
    }

    @Test("The handlers of a loop share one state, which no other loop sees", arguments: [1, 3])
    func state(loops: Int) async throws {
        let (made, seen) = (Journal<ObjectIdentifier>(), Journal<Int>())
        var server = UVServer(
            at: Transport.freeEndpoint(), framing: .lines,
            state: { listener in
                made.append(ObjectIdentifier(listener.loop))
                return Scores(listener.loop)
            },
            handler: { client, scores in
                #expect(scores.loop === client.loop)
                for try await _ in client.messages {
                    scores.lines += 1
                    seen.append(scores.lines)
                }
            })
        server.loops = loops
        try await Self.run(server) {
            try await $0.run()
        } body: { handle, _ in
            // Each loop has made it before the first client.
            #expect(Set(try made.wait(for: loops)).count == loops)
            let peers = try (0..<6).map { _ in try Self.peer(of: handle) }
            for (count, peer) in peers.enumerated() {
                try peer.send("x\n")
                try seen.wait(for: count + 1)
            }
            // Six clients are spread evenly.
            #expect(seen.entries.max() == 6 / loops)
            for peer in peers { peer.close() }
        }
        #expect(made.entries.count == loops)
    }

    @Test("`serve` gives its handlers a state, too")
    func servesWithState() async throws {
        let (handles, counts) = (Journal<UVServerHandle>(), Journal<Int>())
        let endpoint = Transport.freeEndpoint()
        let task = Task {
            try await UVListener.serve(
                at: endpoint, onListening: { handles.append($0) },
                state: { Scores($0.loop) }
            ) { client, scores in
                _ = try await client.nextMessage()
                scores.lines += 1
                counts.append(scores.lines)
            }
        }
        try await onThreadOfItsOwn {
            for count in 1...3 {
                let peer = try Self.peer(of: handles.first())
                try peer.send("x")
                #expect(try counts.wait(for: count).last == count)
                peer.close()
            }
        }.get()
        task.cancel()
        try await task.value
    }
}
