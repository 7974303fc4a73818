import Foundation
import Logging
import Testing

@testable import UVSockets

@Suite(
    "How the connections of tasks end, and who is told", .onPool, .alsoInMemory,
    .timeLimit(.minutes(2)))
struct TaskEndTests {
    /// The client that others send to, on its loop.
    private final class Room {
        var receiver: UVAsyncConnection?
    }

    /// Runs a server on which each client but the first sends to the first, whose queue is full.
    private func withSenders(
        _ count: Int, woken: Journal<UVConnection.ID>,
        body: @escaping @Sendable (TaskServer, _ receiver: RawPeer) throws -> Void
    ) async throws {
        let waiting = Journal<Void>()
        try await withTaskServer(
            drainFor: .milliseconds(200),
            setUp: { $0.userToken = Room() },
            handler: { client in
                guard let room = client.connection.listener?.userToken as? Room else { return }
                if let receiver = room.receiver {
                    waiting.append(())
                    try? await receiver.send("x")
                    woken.append(client.id)
                } else {
                    room.receiver = client
                    // The listener has the room, and its clients have the listener.
                    defer { room.receiver = nil }
                    let chunk = [UInt8](repeating: 7, count: 1 << 18)
                    while client.send(chunk.span) == .taken {}
                    waiting.append(())
                    while try await client.nextMessage() != nil {}
                }
            },
            body: { server in
                let receiver = try server.connect(receiveBuffer: 4096)
                try waiting.wait(for: 1)
                var others: [RawPeer] = []
                for number in 0..<count {
                    others.append(try server.connect())
                    try waiting.wait(for: number + 2)
                }
                #expect(woken.entries.isEmpty)
                try body(server, receiver)
                withExtendedLifetime(others) {}
            })
    }

    @Test("Any number of tasks wait to send to one client, and each wakes once, in order")
    func manySenders() async throws {
        let woken = Journal<UVConnection.ID>()
        try await withSenders(5, woken: woken) { server, receiver in
            let end = [UInt8](repeating: UInt8(ascii: "x"), count: 5)
            var last: [UInt8] = []
            while last != end {
                let some = try receiver.receiveSome()
                try #require(!some.isEmpty)
                last = Array((last + some).suffix(5))
            }
            try woken.wait(for: 5)
            try receiver.finish()
            #expect(try receiver.receiveToEnd() == [])
        }
        #expect(woken.entries == [2, 3, 4, 5, 6])
    }

    @Test("They wake when the client is gone, and the server stops", arguments: [false, true])
    func sendersEnd(isReset: Bool) async throws {
        let woken = Journal<UVConnection.ID>()
        try await withSenders(3, woken: woken) { server, receiver in
            if isReset { try receiver.reset() } else { server.cancel() }
            try woken.wait(for: 3)
            server.cancel()
            try server.returned()
        }
        #expect(woken.entries.sorted() == [2, 3, 4])
    }

    @Test("The end of a client that has closed is the client's, and that of a handler its own")
    func reasons() async throws {
        let ends = Journal<UVEndReason>()
        try await withTaskServer(
            framing: .lines,
            setUp: { $0.onDisconnected = { _, reason in ends.append(reason) } },
            handler: { client in
                for try await line in client.messages {
                    if line == Array("leave".utf8) { return }
                    try await client.send(line)
                }
            },
            body: { server in
                let one = try server.connect()
                try one.send("x\n")
                #expect(try one.receive(2) == Array("x\n".utf8))
                one.close()
                #expect(try ends.first() == .peerClosed)
                let other = try server.connect()
                try other.send("leave\n")
                #expect(try other.receiveToEnd() == [])
                other.close()
                #expect(try ends.wait(for: 2)[1] == .closed)
            })
    }

    @Test("Callbacks that are set on a listener that serves tasks take nothing away from it")
    func ownCallbacks() async throws {
        let told = Journal<String>()
        var options = UVListenerOptions.patient
        // The kernel must not take all at once, however fast the peer reads.
        options.connection.sendBufferSize = 8192
        try await withTaskServer(
            options: options,
            setUp: { listener in
                _ = try? listener.loop.after(.milliseconds(1)) {
                    listener.onConnected = { _ in told.append("connected") }
                    listener.onDrained = { _ in told.append("drained") }
                    listener.onPeerFinished = { _ in told.append("finished") }
                    listener.onDisconnected = { _, _ in told.append("disconnected") }
                }
            },
            handler: { client in
                let bytes = try await client.nextMessage() ?? []
                for _ in 0..<40 { try await client.send([UInt8](repeating: 1, count: 1 << 18)) }
                try await client.send(bytes)
                while try await client.nextMessage() != nil {}
            },
            body: { server in
                // The first may come before they are set.
                for _ in 0..<2 {
                    let peer = try server.connect(receiveBuffer: 4096)
                    try peer.send("x")
                    let all = try peer.receive((40 << 18) + 1)
                    #expect(all.last == UInt8(ascii: "x"))
                    try peer.finish()
                    #expect(try peer.receiveToEnd() == [])
                }
                try told.wait { $0.last == "disconnected" }
                let events = Set(told.entries)
                #expect(events == ["connected", "drained", "finished", "disconnected"])
            })
    }

    @Test("What a handler does after it came back from elsewhere is timed, too", .tcpOnly)
    func handlerTime() async throws {
        var options = UVListenerOptions()
        options.connection.handlerTimeWarning = .milliseconds(50)
        let stats = Journal<UInt64>()
        try await withTaskServer(
            options: options,
            handler: { client in
                while let message = try await client.nextMessage() {
                    _ = await onThreadOfItsOwn {}
                    let start = ContinuousClock.now
                    while ContinuousClock.now - start < .milliseconds(120) {}
                    try await client.send(message)
                    stats.append(await client.server?.stats().slowHandlers ?? 0)
                }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.exchange([1]) == [1])
                #expect(try peer.exchange([2]) == [2])
                #expect(try stats.wait(for: 2).last ?? 0 >= 1)
            })
    }

    @Test(
        "A handler that stops its own loop ends the server, and comes back from what it awaits",
        .tcpOnly,
        arguments: [1, 2])
    func stopsItsLoop(loops: Int) async throws {
        let (begun, came, gate) = (Journal<Void>(), Journal<Bool>(), Journal<Void>())
        let hasReturned = Journal<Void>()
        let listening = Journal<UVEndpoint>()
        let task = beginTask {
            try? await UVListener.serve(
                at: "127.0.0.1:0", loops: loops,
                onListening: { listening.append($0.localEndpoint ?? "127.0.0.1:0") },
                handler: { client in
                    begun.append(())
                    _ = try await client.nextMessage()
                    client.connection.loop.stop()
                    _ = await onThreadOfItsOwn { try gate.first() }
                    let isClosed = client.send([1].span) == .closed
                    do {
                        try await client.connect(to: "127.0.0.1:1") { _ in }
                        came.append(false)
                    } catch {
                        // The loop is closed, or the task cancelled before.
                        came.append(isClosed && (error is UVError || error is CancellationError))
                    }
                })
            hasReturned.append(())
        }
        try await listening.arrival(of: 1)
        let peers = try (0..<loops).map { _ in try RawPeer(to: listening.entries[0]) }
        try await begun.arrival(of: loops)
        for peer in peers { try peer.send("x") }
        for peer in peers { _ = peer.receiveToReset() }
        gate.append(())
        try await came.arrival(of: loops)
        #expect(came.entries == Array(repeating: true, count: loops))
        task.cancel()
        try await hasReturned.arrival(of: 1)
        await task.value
    }

    @Test("On a loop that is closed nobody connects or serves", .tcpOnly)
    func closedLoop() async throws {
        let loop = try UVLoop()
        try await onThreadOfItsOwn { try loop.close() }.get()
        await #expect(throws: UVError.self) {
            try await UVConnector.connect(
                to: "127.0.0.1:1", timeout: .seconds(Int64.max), on: loop
            ) { _ in }
        }
        await #expect(throws: UVError.self) {
            try await UVListener.serve(at: "127.0.0.1:0", on: loop) { _ in }
        }
    }

    @Test(
        "On a loop that nobody runs a connect ends with its deadline, and a serve when cancelled",
        .tcpOnly)
    func loopNobodyRuns() async throws {
        let log = Journal<String>()
        let loop = try UVLoop(logger: journal(log, level: .warning))
        let error = await #expect(throws: UVError.self) {
            try await UVConnector.connect(
                to: "127.0.0.1:1", timeout: .milliseconds(300), on: loop
            ) { _ in }
        }
        #expect(error?.code == .timedOut)
        let server = beginTask {
            try? await UVListener.serve(at: "127.0.0.1:0", on: loop) { _ in }
        }
        try await log.arrival(of: 2)
        server.cancel()
        await server.value
        #expect(log.entries.allSatisfy { $0.contains("the loop does not answer") })
    }

    @Test("What was given up is not begun later, and keeps no loop", .tcpOnly)
    func givenUp() async throws {
        let listener = try RawListener()
        let dropped = Journal<Void>()
        do {
            let loop = try UVLoop(
                logger: journal(Journal(), level: .critical, keeping: Token(dropped)))
            // Of several durations one is the shortest there can be.
            for timeout in [.milliseconds(50), .zero, Duration(attoseconds: .min)] {
                let error = await #expect(throws: UVError.self) {
                    try await UVConnector.connect(
                        to: listener.local, timeout: timeout, on: loop
                    ) { _ in }
                }
                #expect(error?.code == .timedOut)
            }
            let server = beginTask {
                try? await UVListener.serve(at: "127.0.0.1:0", on: loop) { _ in }
            }
            server.cancel()
            await server.value
            try onThread { loop.run() }
            #expect(!listener.poll(seconds: 0.2))
        }
        // The tasks that have waited for it may still be ending.
        try await dropped.arrival(of: 1)
    }

    @Test("So they do on a loop that ran once, and does not any more", .tcpOnly)
    func loopNobodyRunsAnyMore() async throws {
        let log = Journal<String>()
        let loop = try UVLoop(logger: journal(log, level: .warning))
        let client = beginTask { () -> UVError? in
            do {
                // The answer to the lookup comes when the loop runs no more.
                try await UVConnector.connect(
                    to: "localhost:1", timeout: .milliseconds(300), on: loop
                ) { _ in }
                return nil
            } catch {
                return error as? UVError
            }
        }
        let over = Journal<Void>()
        defer { over.append(()) }
        Thread.detachNewThread {
            // No event tells that something waits: only a loop that runs is told.
            while loop.inbox.isEmpty { usleep(1000) }
            loop.stop()
            loop.run(.untilStopped)
            // The system may give the number of a thread that has ended to another.
            try? over.first()
            // What was given up ends.
            loop.run()
            try? loop.close()
        }
        #expect(await client.value?.code == .timedOut)
        let server = beginTask {
            try? await UVListener.serve(at: "localhost:0", on: loop) { _ in }
        }
        try await log.arrival(of: 2)
        server.cancel()
        await server.value
        #expect(log.entries.allSatisfy { $0.contains("the loop does not answer") })
    }
}
