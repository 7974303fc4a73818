import Foundation
import Testing

@testable import UVSockets

/// The waits of a task: their limits, their cancellation, and the end of what they wait for.
@Suite("A task's waits", .onPool, .alsoInMemory, .timeLimit(.minutes(2)))
struct WaitTests {
    /// Everything that a task may wait for at a connection.
    enum Wait: CaseIterable {
        case message, messageWithin, messages, borrowed, room, end

        /// Waits for ever, unless it is cancelled.
        nonisolated(nonsending) func begin(_ client: UVAsyncConnection) async throws {
            switch self {
            case .message: _ = try await client.nextMessage()
            case .messageWithin: _ = try await client.nextMessage(within: .seconds(3600))
            case .messages: for try await _ in client.messages {}
            case .borrowed: try await client.forEachMessage { _ in }
            case .room: while true { try await client.send(pattern(100_000)) }
            case .end: _ = try await client.ended
            }
        }
    }

    // MARK: - Cancellation

    @Test("Each wait ends at once when the server is cancelled", arguments: Wait.allCases)
    func cancelledServer(wait: Wait) async throws {
        let (begun, ends) = (Journal<Void>(), Journal<Bool>())
        try await withTaskServer(
            handler: { client in
                begun.append(())
                do {
                    try await wait.begin(client)
                } catch {
                    ends.append(error is CancellationError)
                    client.reset()
                }
            },
            body: { server in
                let peer = try server.connect()
                try begun.first()
                server.cancel()
                #expect(try ends.first())
                peer.close()
            })
    }

    @Test(
        "Each wait of a child task ends at once when that is cancelled",
        arguments: Wait.allCases, [false, true])
    func cancelledChild(wait: Wait, isEarly: Bool) async throws {
        // Borrowed messages are for a task on the loop.
        guard wait != .borrowed else { return }
        let ends = Journal<Void>()
        try await withTaskServer(
            handler: { client in
                let child = Task.detached { try await wait.begin(client) }
                while !isEarly, !client.isAwaited { await Task.yield() }
                child.cancel()
                await #expect(throws: CancellationError.self) { try await child.value }
                // Another may wait now.
                await #expect(throws: UVError.self) {
                    try await client.nextMessage(within: .milliseconds(10))
                }
                ends.append(())
                client.reset()
            },
            body: { server in
                let peer = try server.connect()
                try ends.first()
                peer.close()
            })
    }

    @Test("A cancelled connect is told so at once, and its peer after a short grace", .tcpOnly)
    func cancelledConnect() async throws {
        let listener = try RawListener()
        let begun = Journal<Void>()
        let endpoint = listener.local
        let task = Task {
            try await UVConnector.connect(to: endpoint) { server in
                begun.append(())
                try await server.send("the last words")
                _ = try await server.nextMessage()
            }
        }
        try await onThreadOfItsOwn {
            let peer = try listener.accept()
            try begun.first()
            #expect(try peer.receive(14) == Array("the last words".utf8))
            task.cancel()
            #expect(try peer.receiveToEnd() == [])
            // It does not close, and is reset.
            try peer.send("still here")
            #expect(peer.poll(POLLERR))
        }.get()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("A cancelled task still gets what has come, and may still send")
    func cancelledButServed() async throws {
        let received = Journal<String>()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                guard let first = try await client.nextMessage() else { return }
                received.append(String(decoding: first, as: UTF8.self))
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                for try await line in client.messages {
                    received.append(String(decoding: line, as: UTF8.self))
                    if received.entries.count == 3 { try await client.send("three came") }
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("1\n2\n3\n")
                #expect(try peer.receiveToEnd() == Array("three came\n".utf8))
                #expect(received.entries == ["1", "2", "3"])
            })
    }

    @Test("Tasks that wait for messages wait for each other, and none traps")
    func manyReaders() async throws {
        let (got, ready) = (Journal<String>(), Journal<Void>())
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                try await withThrowingTaskGroup { group in
                    for _ in 0..<4 {
                        group.addTask {
                            for try await line in client.messages { got.append(Self.text(line)) }
                        }
                    }
                    // One is cancelled, and another begins at once.
                    let cancelled = Task { try await client.nextMessage() }
                    cancelled.cancel()
                    await #expect(throws: UVError.self) {
                        try await client.nextMessage(within: .milliseconds(20))
                    }
                    ready.append(())
                    try await group.waitForAll()
                }
                #expect(try await client.nextMessage() == nil)
            },
            body: { server in
                let peer = try server.connect()
                try ready.first()
                let lines = (0..<1000).map { "line \($0)" }
                for start in stride(from: 0, to: 1000, by: 100) {
                    try peer.send(lines[start..<start + 100].map { $0 + "\n" }.joined())
                    try got.wait(for: start + 100)
                }
                try peer.finish()
                #expect(try peer.receiveToEnd() == [])
                #expect(Set(got.entries) == Set(lines))
                #expect(got.entries.count == 1000)
            })
    }

    private static func text(_ bytes: [UInt8]) -> String { String(message: bytes) }

    /// It runs elsewhere, but may still be on the loop's thread when it calls.
    @concurrent private static func wander(_ client: UVAsyncConnection, _ actor: LoopActor)
        async throws
    {
        await actor.visit()
        let first = try await client.nextMessage()
        await actor.visit()
        let second = try await client.nextMessage(within: .seconds(30))
        for part in [first, second] {
            await actor.visit()
            try await client.send(part ?? [])
        }
        // More than the peer takes at once.
        await actor.visit()
        try await client.send(pattern(4 << 20))
        await actor.visit()
        for try await message in client.messages { try await client.send(message) }
        client.close()
        await actor.visit()
        _ = try await client.ended
    }

    @Test("A task that is on the loop's thread by chance goes to the loop all the same")
    func wanderer() async throws {
        let ended = Journal<Void>()
        try await withTaskServer(
            framing: .lengthPrefix(.bytes4, maximumLength: 8 << 20),
            handler: { client in
                let actor = LoopActor(on: client.loop)
                try await withThrowingTaskGroup { group in
                    group.addTask { try await Self.wander(client, actor) }
                    try await group.waitForAll()
                }
                ended.append(())
            },
            body: { server in
                let peers = try (0..<4).map { _ in try server.connect(receiveBuffer: 4096) }
                for peer in peers {
                    try peer.send([0, 0, 0, 1, 65])
                    try peer.send([0, 0, 0, 1, 66])
                }
                for peer in peers {
                    #expect(try peer.receive(10) == [0, 0, 0, 1, 65, 0, 0, 0, 1, 66])
                    try expect(peer.receive(4 + (4 << 20)), are: [0, 64, 0, 0] + pattern(4 << 20))
                    try peer.send([0, 0, 0, 1, 67])
                    #expect(try peer.receive(5) == [0, 0, 0, 1, 67])
                    try peer.finish()
                    #expect(try peer.receiveToEnd() == [])
                }
                try ended.wait(for: 4)
            })
    }

    // MARK: - A time limit

    @Test("A wait with a limit ends with it, and the message that comes later is the next one")
    func limit() async throws {
        let (waited, late) = (Journal<UVError?>(), Journal<Void>())
        try await withTaskServer(
            handler: { client in
                let start = ContinuousClock.now
                do {
                    _ = try await client.nextMessage(within: .milliseconds(200))
                    waited.append(nil)
                } catch let error as UVError {
                    #expect(ContinuousClock.now - start >= .milliseconds(199))
                    waited.append(error)
                }
                let next = try await client.nextMessage(within: .seconds(30))
                try await client.send(next ?? [])
                late.append(())
                // One that is there already needs no time.
                #expect(try await client.nextMessage(within: .zero) == nil)
            },
            body: { server in
                let peer = try server.connect()
                let error = try waited.first()
                #expect(error?.code == .timedOut)
                #expect(
                    error.map { "\($0)" }?.contains("no message came within 0.2 seconds") == true)
                try peer.send("late")
                #expect(try peer.receive(4) == Array("late".utf8))
                try late.first()
                try peer.finish()
                #expect(try peer.receiveToEnd() == [])
            })
    }

    @Test("A handler that lets its limit pass through ends its client, and nothing is logged")
    func limitPassesThrough() async throws {
        let ends = Journal<UVEndReason>()
        try await withTaskServer(
            setUp: { listener in listener.onDisconnected = { ends.append($1) } },
            handler: { client in
                while let message = try await client.nextMessage(within: .milliseconds(50)) {
                    try await client.send(message)
                }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.exchange([1]) == [1])
                #expect(try peer.receiveToEnd() == [])
                peer.close()
                #expect(try ends.first() == .idle)
            })
    }

    @Test(
        "Any limit is taken: none, a negative one, the greatest",
        arguments: [Duration.zero, .seconds(-5), .nanoseconds(1), .seconds(Int64.max)])
    func limits(limit: Duration) async throws {
        let ends = Journal<Bool>()
        try await withTaskServer(
            handler: { client in
                do {
                    let message = try await client.nextMessage(within: limit)
                    ends.append(message == [1] && limit > .seconds(1))
                } catch {
                    ends.append((error as? UVError)?.code == .timedOut && limit < .seconds(1))
                }
            },
            body: { server in
                let peer = try server.connect()
                if limit > .seconds(1) { try peer.send([1]) }
                #expect(try ends.first())
            })
    }

    // MARK: - The end of a connection

    /// Sends the first client away, which is no doing of its handler's. It ends a Unix-domain socket,
    /// too.
    private static func kick(_ peer: RawPeer, from server: TaskServer) throws {
        let remote = server.remote
        Task { await remote.kick(1) }
        #expect(try peer.receiveToEnd() == [])
        peer.close()
    }

    @Test(
        "A handler that waits for something else is cancelled when its client has gone",
        arguments: [true, false])
    func gone(isDefault: Bool) async throws {
        var options = UVListenerOptions.patient
        options.connection.cancelsHandlerAtEnd = isDefault
        let (begun, ends) = (Journal<Void>(), Journal<Bool>())
        let (nothing, end) = AsyncStream<Never>.makeStream()
        try await withTaskServer(
            options: options,
            handler: { client in
                begun.append(())
                for await _ in nothing {}
                ends.append(Task.isCancelled)
            },
            body: { server in
                let peer = try server.connect()
                try begun.first()
                try Self.kick(peer, from: server)
                if !isDefault {
                    try server.connect().close()
                    end.finish()
                }
                #expect(try ends.first() == isDefault)
                end.finish()
            })
    }

    @Test("A handler that ends its connection itself is not cancelled")
    func ownDoing() async throws {
        let ends = Journal<Bool>()
        try await withTaskServer(
            handler: { client in
                switch client.id % 3 {
                case 0: client.close()
                case 1: client.reset()
                default: client.finish()
                }
                let reason = try await client.ended
                ends.append(!Task.isCancelled && [.closed, .reset, .peerClosed].contains(reason))
            },
            body: { server in
                for _ in 0..<6 {
                    let peer = try server.connect()
                    _ = try? peer.receiveToEnd()
                    peer.close()
                }
                #expect(try ends.wait(for: 6).allSatisfy(\.self))
            })
    }

    @Test("Many tasks await one end, on the loop and elsewhere, and all are told the reason")
    func ended() async throws {
        let (begun, reasons) = (Journal<Void>(), Journal<UVEndReason>())
        try await withTaskServer(
            handler: { client in
                begun.append(())
                await withTaskGroup { group in
                    for _ in 0..<5 {
                        group.addTask {
                            if let reason = try? await client.ended { reasons.append(reason) }
                        }
                    }
                    if let reason = try? await client.ended { reasons.append(reason) }
                }
                // After the end, too.
                #expect(Task.isCancelled)
                if let reason = try? await client.ended { reasons.append(reason) }
            },
            body: { server in
                let peer = try server.connect()
                try begun.first()
                try Self.kick(peer, from: server)
                let all = try reasons.wait(for: 7)
                #expect(all == Array(repeating: .kicked, count: 7))
            })
    }

    @Test(
        "Handlers that each wait for something else in a child are gone after their clients' resets",
        .tcpOnly)
    func manyChildren() async throws {
        await #expect(processExitsWith: .success) {
            let count = 10_000
            let (begun, ended) = (Journal<Void>(), Journal<Void>())
            try await withTaskServer(
                handler: { client in
                    defer { ended.append(()) }
                    try await withThrowingTaskGroup { group in
                        group.addTask { try await waitForCancellation() }
                        group.addTask { for try await _ in client.messages {} }
                        begun.append(())
                        try await group.waitForAll()
                    }
                },
                body: { server in
                    // Not more than this process may open, for both ends.
                    for batch in 1...4 {
                        let peers = try (0..<count / 4).map { _ in try server.connect() }
                        try begun.wait(for: batch * count / 4, seconds: 60)
                        for peer in peers { try peer.reset() }
                    }
                    try ended.wait(for: count, seconds: 60)
                })
        }
    }
}

extension UVAsyncConnection {
    /// Whether a task waits for anything of it.
    fileprivate var isAwaited: Bool { isTaken || !waiters.isEmpty }
}
