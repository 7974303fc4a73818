import Foundation
import Testing

@testable import UVSockets

@Suite("Serving by tasks on many loops", .onPool, .onEachTransport, .timeLimit(.minutes(2)))
struct ServeOnLoopsTests {
    // MARK: - Where handlers run

    /// Where a client's handler was, at each step.
    private struct Step: Sendable {
        let id: UVConnection.ID
        let thread: UInt
        let isOnItsLoop: Bool

        init(_ client: UVAsyncConnection) {
            id = client.id
            thread = UInt(pthread_self())
            isOnItsLoop = client.connection.loop.isOnLoop
        }
    }

    @Test(
        "Handlers stay on their client's loop, and come back to it from whatever they await",
        arguments: UVBalance.allCases)
    func oneThread(balance: UVBalance) async throws {
        let steps = Journal<Step>()
        let thread = try LoopThread(.untilStopped) { _ in ((), {}) }
        let elsewhere = LoopActor(on: thread.loop)
        try await withTaskServer(
            framing: .lines, loops: 3, balance: balance,
            handler: { client in
                steps.append(Step(client))
                for try await line in client.messages {
                    await elsewhere.visit()
                    steps.append(Step(client))
                    await Task.yield()
                    steps.append(Step(client))
                    await beginTask { await elsewhere.visit() }.value
                    steps.append(Step(client))
                    // Another loop's client, and the whole server.
                    _ = await client.server?.stats()
                    steps.append(Step(client))
                    _ = await onThreadOfItsOwn {}
                    steps.append(Step(client))
                    try await client.send(line)
                }
            },
            body: { server in
                let peers = try (0..<24).map { _ in try server.connect() }
                for _ in 0..<5 {
                    for peer in peers { try peer.send("x\n") }
                    for peer in peers { #expect(try peer.receive(2) == Array("x\n".utf8)) }
                }
                let all = try steps.wait(for: 24 + 24 * 5 * 5)
                #expect(all.allSatisfy { $0.isOnItsLoop })
                let threads = Dictionary(grouping: all, by: \.id).mapValues { steps in
                    Set(steps.map(\.thread)).count
                }
                #expect(threads.count == 24)
                #expect(threads.allSatisfy { $0.value == 1 })
                let loops = Set(all.map(\.thread)).count
                #expect(balance == .kernel ? 2...3 ~= loops : loops == 3)
            })
        try thread.finish()
    }

    @Test("Borrowed messages come on the client's loop", arguments: UVBalance.allCases)
    func borrowed(balance: UVBalance) async throws {
        let steps = Journal<Step>()
        try await withTaskServer(
            framing: .lines, loops: 3, balance: balance,
            handler: { client in
                try await client.forEachMessage { line in
                    steps.append(Step(client))
                    client.send(line)
                }
                steps.append(Step(client))
            },
            body: { server in
                let peers = try (0..<24).map { _ in try server.connect() }
                for _ in 0..<5 {
                    for peer in peers { try peer.send("x\n") }
                    for peer in peers { #expect(try peer.receive(2) == Array("x\n".utf8)) }
                }
                for peer in peers { try peer.finish() }
                let all = try steps.wait(for: 24 * 6)
                #expect(all.allSatisfy { $0.isOnItsLoop })
                let ofClients = Dictionary(grouping: all, by: \.id)
                #expect(ofClients.count == 24)
                #expect(ofClients.values.allSatisfy { Set($0.map(\.thread)).count == 1 })
            })
    }

    // MARK: - The server's face

    @Test("A handler's broadcasts reach the clients of all loops, in order, its own among them")
    func broadcasts() async throws {
        let arrived = Journal<Void>()
        try await withTaskServer(
            framing: .lines, loops: 3,
            handler: { client in
                arrived.append(())
                for try await line in client.messages {
                    try await client.send("a")
                    let receipt = await client.server?.broadcast(line)
                    client.server?.post("b")
                    try await client.send("\(receipt?.receivers ?? 0)")
                }
            },
            body: { server in
                let peers = try (0..<6).map { _ in try server.connect() }
                try arrived.wait(for: 6)
                for peer in peers {
                    try peer.send("x\n")
                    #expect(try peer.receive(8) == Array("a\nx\nb\n6\n".utf8))
                    for other in peers where other !== peer {
                        #expect(try other.receive(4) == Array("x\nb\n".utf8))
                    }
                }
            })
    }

    @Test("Stopped by way of its face, a server drains, says goodbye and returns")
    func stop() async throws {
        let ended = Journal<UVEndReason>()
        try await withTaskServer(
            loops: 3, setUp: { $0.onDisconnected = { ended.append($1) } },
            handler: { client in
                for try await message in client.messages { try await client.send(message) }
                try await client.send("last ")
            },
            body: { server in
                let peers = try (0..<12).map { _ in try server.connect() }
                for peer in peers { #expect(try peer.exchange([1]) == [1]) }
                let report = Journal<UVDrainReport>()
                beginTask {
                    report.append(await server.remote.stop(goodbye: Array("bye".utf8)))
                }
                for peer in peers {
                    #expect(try peer.receiveToEnd() == Array("last bye".utf8))
                    peer.close()
                }
                #expect(try report.first() == UVDrainReport(drained: 12))
                // `serve` returns although its task was not cancelled.
                try server.returned()
                #expect(ended.entries == Array(repeating: .listenerStopped, count: 12))
                #expect(server.remote.localEndpoint == nil)
                #expect(!server.remote.post("x"))
            })
    }

    // MARK: - setUp

    @Test(
        "What is set up on each loop is called there, and its token is that loop's", .tcpOnly,
        arguments: [1, 3])
    func setUp(loops: Int) async throws {
        final class Tally {
            var now = 0
        }
        struct Failure: Error {}
        let (arrived, gone) = (Journal<Int>(), Journal<UVEndReason.Kind>())
        let (remotes, drained) = (Journal<UVServerHandle>(), Journal<Void>())
        let sent = Journal<UVSendResult>()
        try await withTaskServer(
            loops: loops,
            setUp: { listener in
                let tally = Tally()
                listener.userToken = tally
                remotes.append(listener.remote)
                listener.onConnected = { _ in
                    tally.now += 1
                    arrived.append(tally.now)
                }
                listener.onDrained = { _ in drained.append(()) }
                listener.onDisconnected = { client, reason in
                    #expect(client.listener?.userToken === tally)
                    tally.now -= 1
                    gone.append(reason.kind)
                }
            },
            handler: { client in
                #expect((client.connection.listener?.userToken as? Tally)?.now ?? 0 > 0)
                for try await message in client.messages {
                    switch message[0] {
                    case 1: throw Failure()
                    case 2: client.reset()
                    case 3: sent.append(client.send(pattern(8 << 20).span))
                    default: return
                    }
                }
            },
            body: { server in
                let peers = try (0..<5).map { _ in try server.connect(receiveBuffer: 4096) }
                try arrived.wait(for: 5)
                #expect(remotes.entries.allSatisfy { $0 === server.remote })
                #expect(remotes.entries.count == loops)
                for (number, peer) in peers.enumerated() { try peer.send([UInt8(number)]) }
                #expect(try peers[0].receiveToEnd() == [])
                #expect(try peers[1].receiveToEnd() == [])
                #expect(throws: SocketError.self) { try peers[2].receiveToEnd() }
                // It reads only when more waits than the kernel takes.
                #expect(try sent.first() == .takenButFull)
                try expect(peers[3].receive(8 << 20), are: pattern(8 << 20))
                try drained.wait(for: 1)
                try peers[3].reset()
                #expect(try peers[4].receiveToEnd() == [])
                peers.forEach { $0.close() }
                let kinds = try gone.wait(for: 5)
                #expect(
                    kinds.sorted { $0.rawValue < $1.rawValue }
                        == [.peerReset, .closed, .closed, .reset, .handlerFailed])
            })
    }

    // MARK: - Cancelling

    @Test(
        "Cancelled with hundreds of clients, all handlers end, and the server returns", .serialized,
        arguments: UVBalance.allCases, [3, 1])
    func cancel(balance: UVBalance, loops: Int) async throws {
        let count = 300
        let (begun, ended) = (Journal<Void>(), Journal<Bool>())
        guard Transport.current.isSpread(over: loops, by: balance) else { return }
        try await withTaskServer(
            loops: loops, balance: balance,
            handler: { client in
                begun.append(())
                do {
                    if client.id % 2 == 0 {
                        for try await message in client.messages { try await client.send(message) }
                    } else {
                        try await client.forEachMessage { client.send($0) }
                    }
                    ended.append(false)
                } catch {
                    ended.append(error is CancellationError)
                }
            },
            body: { server in
                let peers = try (0..<count).map { _ in try server.connect() }
                for peer in peers { #expect(try peer.exchange([1]) == [1]) }
                server.cancel()
                for peer in peers {
                    #expect(try peer.receiveToEnd() == [])
                    peer.close()
                }
                #expect(try !ended.wait(for: count).contains(false))
                try server.returned()
            })
        #expect(begun.entries.count == count)
        #expect(ended.entries.count == count)
    }

    @Test(
        "Cancelled while clients come from many sides, it leaves nobody hanging", .serialized,
        arguments: UVBalance.allCases)
    func cancelWhileConnecting(balance: UVBalance) async throws {
        for round in 0..<10 {
            let (begun, ended) = (Journal<Void>(), Journal<Void>())
            let over = Journal<Bool>()
            try await withTaskServer(
                at: "127.88.0.3:0", loops: 3, balance: balance,
                handler: { client in
                    begun.append(())
                    defer { ended.append(()) }
                    for try await message in client.messages { try await client.send(message) }
                },
                body: { server in
                    for _ in 0..<4 {
                        Thread.detachNewThread { over.append(Self.isAnsweredToTheEnd(server)) }
                    }
                    try begun.wait(for: 5 + 10 * round)
                    server.cancel()
                    #expect(try !over.wait(for: 4).contains(false))
                })
            #expect(begun.entries.count == ended.entries.count)
        }
    }

    private static func isAnsweredToTheEnd(_ server: TaskServer) -> Bool {
        do {
            while true {
                let peer = try server.connect()
                try peer.send([1])
                if try peer.receive(1) == [] { return true }
            }
        } catch let error as SocketError {
            return [ECONNREFUSED, ECONNRESET, EPIPE].contains(error.number)
        } catch {
            return false
        }
    }

    @Test(
        "Cancelled before it listens, or as it begins to, a server returns", .serialized,
        arguments: UVBalance.allCases, [1, 3])
    func cancelEarly(balance: UVBalance, loops: Int) async throws {
        for round in 0..<60 {
            let returned = Journal<Bool>()
            let server = beginTask {
                do {
                    try await UVListener.serve(
                        at: round % 2 == 0 ? "127.0.0.1:0" : "localhost:0", loops: loops,
                        balance: balance
                    ) { _ in }
                    returned.append(true)
                } catch {
                    returned.append(false)
                }
            }
            if round >= 20 { for _ in 0..<(round - 20) { await Task.yield() } }
            server.cancel()
            #expect(try await returned.arrival(of: 1) == [true])
        }
    }

    @Test(
        "A port that is taken is thrown, whatever the number of loops", .tcpOnly,
        arguments: UVBalance.allCases, [1, 3])
    func taken(balance: UVBalance, loops: Int) async throws {
        let other = try RawListener()
        let error = await #expect(throws: UVError.self) {
            try await UVListener.serve(at: other.local, loops: loops, balance: balance) { _ in }
        }
        #expect(error?.code == .addressInUse)
    }
}
