import Foundation
import Testing

@testable import UVSockets

/// Tasks that callbacks start for their client.
@Suite("A client's tasks", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct ConnectionTaskTests {
    private static func lines(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("A callback answers with what a task has awaited elsewhere")
    func answers() throws {
        try withServer(
            framing: .lines,
            onMessage: { client, line in
                let question = String(message: line)
                client.task {
                    #expect(client.loop.isOnLoop)
                    let answer = await onThreadOfItsOwn { question.uppercased() }
                    #expect(client.loop.isOnLoop)
                    client.send(try answer.get())
                }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.exchange(Self.lines("hello\n")) == Self.lines("HELLO\n"))
            })
    }

    @Test("A peer that has finished sending still gets the answers of tasks, and then the end")
    func finished() throws {
        let (begun, go) = (Journal<Void>(), Journal<Void>())
        try withServer(
            framing: .lines,
            onMessage: { client, line in
                let question = String(message: line)
                client.task {
                    begun.append(())
                    _ = try await onThreadOfItsOwn { try go.wait(for: 2) }.get()
                    client.send(question.uppercased())
                }
            },
            configure: { $0.onPeerFinished = { _ in Issue.record("nobody asked for it") } },
            body: { server in
                let peer = try server.connect()
                try peer.send("a\nb\n")
                try begun.wait(for: 2)
                try peer.finish()
                // The peer's end is noticed before the tasks go on.
                while try server.onLoop({ $0.clients.first?.state.hasPeerFinished == false }) {}
                go.append(())
                go.append(())
                #expect(try peer.receiveToEnd().sorted() == Self.lines("A\nB\n").sorted())
                #expect(try server.ended.first().reason == .peerClosed)
            })
    }

    @Test("With a limit of one the messages are handled in their order, and the peer is held back")
    func oneAtATime() throws {
        var options = UVListenerOptions.patient
        options.connection.taskLimit = 1
        let (most, running) = (Locked(0), Locked(0))
        try withServer(
            framing: .lines, options: options,
            onMessage: { client, line in
                let number = String(message: line)
                client.task {
                    let count = running.withLock { count in
                        count += 1
                        return count
                    }
                    most.withLock { $0 = max($0, count) }
                    _ = await onThreadOfItsOwn {}
                    running.withLock { $0 -= 1 }
                    client.send(number)
                }
            },
            body: { server in
                let peer = try server.connect()
                let text = Self.lines((0..<100).map { "\($0)\n" }.joined())
                #expect(try peer.exchange(text) == text)
                // All that the peer had sent before its end is handled, too.
                try peer.send(text)
                try peer.finish()
                #expect(try peer.receiveToEnd() == text)
                #expect(most.withLock { $0 } == 1)
            })
    }

    /// Runs a server with a task for each line, which answers when `go` has an entry.
    private static func withSlowTasks(
        limit: Int,
        body: (_ server: Server, _ begun: Journal<Void>, _ go: Journal<Void>) throws -> Void
    ) throws {
        var options = UVListenerOptions.patient
        options.connection.taskLimit = limit
        let (begun, go) = (Journal<Void>(), Journal<Void>())
        try withServer(
            framing: .lines, options: options,
            onMessage: { client, _ in
                client.task {
                    begun.append(())
                    _ = try await onThreadOfItsOwn { try go.first() }.get()
                    client.send("done")
                }
            }, body: { try body($0, begun, go) })
    }

    @Test("No more tasks than the limit run, however many messages come")
    func limit() throws {
        try Self.withSlowTasks(limit: 5) { server, begun, go in
            let peer = try server.connect()
            try peer.send(String(repeating: "x\n", count: 1000))
            try begun.wait(for: 5)
            #expect(try server.onLoop { $0.clients.first?.messagesReceived } == 5)
            go.append(())
            #expect(try peer.receive(5 * 1000).count == 5000)
        }
    }

    @Test("The limit may be raised and lowered while tasks run")
    func otherLimit() throws {
        try Self.withSlowTasks(limit: 1) { server, begun, go in
            let peer = try server.connect()
            try peer.send("a\nb\nc\nd\n")
            try begun.first()
            try server.onLoop { $0.clients.first?.options.taskLimit = 3 }
            try begun.wait(for: 3)
            try server.onLoop { $0.clients.first?.options.taskLimit = 2 }
            #expect(try server.onLoop { $0.clients.first?.messagesReceived } == 3)
            go.append(())
            try begun.wait(for: 4)
        }
    }

    @Test("Its tasks are cancelled when the client has gone")
    func gone() throws {
        let (begun, cancelled) = (Journal<Void>(), Journal<Bool>())
        try withServer(
            framing: .lines,
            onMessage: { client, line in
                // What the peer has not read makes its close a reset on a Unix socket, too.
                client.send(line)
                client.task {
                    begun.append(())
                    do {
                        try await waitForCancellation()
                    } catch {
                        cancelled.append(error is CancellationError)
                        throw error
                    }
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("a\nb\nc\n")
                try begun.wait(for: 3)
                #expect(peer.poll())
                try peer.reset()
                #expect(try cancelled.wait(for: 3) == [true, true, true])
            })
    }

    @Test("When the listener stops, tasks still answer, and then comes the goodbye")
    func drain() throws {
        let (begun, go) = (Journal<Void>(), Journal<Void>())
        try withServer(
            framing: .lines,
            onMessage: { client, line in
                let question = String(message: line)
                client.task {
                    begun.append(())
                    _ = try await onThreadOfItsOwn { try go.first() }.get()
                    client.task { client.send(question.uppercased()) }
                }
            },
            body: { server in
                let (peer, idle) = (try server.connect(), try server.connect())
                try peer.send("a\nb\n")
                try begun.wait(for: 2)
                try server.onLoop {
                    $0.stop(drainFor: .seconds(30), goodbye: Self.lines("bye"))
                }
                #expect(try idle.receiveToEnd() == Self.lines("bye\n"))
                go.append(())
                let all = try peer.receiveToEnd()
                #expect([Self.lines("A\nB\nbye\n"), Self.lines("B\nA\nbye\n")].contains(all))
                peer.close()
                idle.close()
                #expect(try server.ended.wait(for: 2).allSatisfy { $0.reason == .listenerStopped })
            })
    }

    @Test("A task of a client that has ended is cancelled from the beginning")
    func afterTheEnd() throws {
        let cancelled = Journal<Bool>()
        try withServer(
            onMessage: { client, _ in client.reset() },
            configure: { listener in
                listener.onDisconnected = { client, _ in
                    client.task { cancelled.append(Task.isCancelled) }
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("a")
                #expect(try cancelled.first())
            })
    }

    @Test("A task that throws ends its client")
    func fails() throws {
        struct Failure: Error {}
        try withServer(
            framing: .lines,
            onMessage: { client, _ in client.task { throw Failure() } },
            body: { server in
                let peer = try server.connect()
                try peer.send("a\n")
                #expect(try peer.receiveToEnd() == [])
                #expect(try server.ended.first().reason == .handlerFailed)
            })
    }
}
