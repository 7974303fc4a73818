import Foundation
import Logging
import Testing

@testable import UVSockets

@Suite("UVLoopGroup", .ownThreads, .timeLimit(.minutes(2)))
struct LoopGroupTests {
    @Test("By default a group has a loop for each core, each with a thread of its own")
    func loops() async throws {
        let threads = Journal<UInt>()
        let group = try UVLoopGroup()
        #expect(group.loops.count == UVLoopGroup.cores)
        #expect(UVLoopGroup.cores >= 1)
        for loop in group.loops { loop.submit { threads.append(UInt(pthread_self())) } }
        await group.stop()
        #expect(threads.entries.count == group.loops.count)
        #expect(Set(threads.entries).count == group.loops.count)
        #expect(group.loops.allSatisfy { !$0.submit {} })
    }

    @Test("Whoever runs a group waits until it is stopped, and no longer")
    func run() async throws {
        let ended = Journal<Int>()
        try await withLoops(2) { group in
            for number in 0..<5 {
                beginTask {
                    await group.run()
                    ended.append(number)
                }
            }
            #expect(ended.entries.isEmpty)
            await group.stop()
            await group.run()
            let numbers = try await ended.arrival(of: 5).sorted()
            #expect(numbers == [0, 1, 2, 3, 4])
        }
    }

    @Test("A group may be stopped by many at a time, and again")
    func stopTwice() async throws {
        for _ in 0..<50 {
            try await withLoops(3) { group in
                try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
                await withDiscardingTaskGroup { tasks in
                    for _ in 0..<4 { tasks.addTask { await group.stop() } }
                }
                await group.stop()
            }
        }
    }

    @Test("A thread that gets the number of a loop's thread is not that loop's")
    func threadNumbers() async throws {
        for _ in 0..<20 {
            try await withLoops(3) { group in
                await group.stop()
                let (numbers, loops) = (Journal<Bool>(), group.loops)
                for _ in 0..<10 {
                    Thread.detachNewThread { numbers.append(loops.contains { $0.isOnLoop }) }
                }
                let areOnLoop = try await numbers.arrival(of: 10)
                #expect(!areOnLoop.contains(true))
                // Again, on whichever thread that is.
                _ = await onThreadOfItsOwn {}
                await group.stop()
            }
        }
    }

    @Test("A group that is stopped does not listen any more")
    func listenAfterStop() async throws {
        let group = try UVLoopGroup(loops: 2)
        await group.stop()
        let error = await #expect(throws: UVError.self) {
            try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
        }
        #expect(error?.code == .canceled)
    }

    @Test(
        "A server that begins while its group is stopped ends with it, or does not begin",
        arguments: UVBalance.allCases)
    func listenWhileStopping(balance: UVBalance) async throws {
        for _ in 0..<100 {
            let server = Journal<Result<UVServerHandle, any Error>>()
            try await withLoops(2) { group in
                beginTask {
                    do throws(UVError) {
                        server.append(
                            .success(
                                try await group.listen(
                                    at: "127.0.0.1:0", balance: balance, makeHandler: echoOnLoops)))
                    } catch {
                        server.append(.failure(error))
                    }
                }
                await Task.yield()
                await group.stop()
            }
            switch try await server.arrival(of: 1)[0] {
            case .success(let server):
                #expect(server.localEndpoint == nil)
                #expect(await server.stats() == UVListenerStats())
            case .failure(let error):
                #expect((error as? UVError)?.code == .canceled)
            }
        }
    }

    @Test("Names that are being looked up when a group is stopped do not keep its loops")
    func lookupWhileStopping() async throws {
        // A lookup that has begun may take as long as the system's resolver has patience.
        for _ in 0..<3 {
            let errors = Journal<UVError.Code?>()
            try await withLoops(2) { group in
                let first = group.loops[0]
                for number in 0..<8 {
                    let endpoint = UVEndpoint(host: "no-such-host-\(number).invalid", port: 0)
                    beginTask {
                        do throws(UVError) {
                            try await group.listen(at: endpoint, makeHandler: echoOnLoops)
                            errors.append(nil)
                        } catch {
                            errors.append(error.code)
                        }
                    }
                }
                while errors.entries.isEmpty {
                    let lookups = Journal<Int>()
                    first.submit { lookups.append(first.openLookups) }
                    if try await lookups.arrival(of: 1)[0] > 0 { break }
                }
                await group.stop()
            }
            let all = try await errors.arrival(of: 8)
            #expect(!all.contains(nil))
        }
    }

    @Test("All servers of a group drain at the same time")
    func drainsTogether() async throws {
        try await withGroup { server in
            let other = try server.ask { [group = server.group] _ in
                try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
            }
            let stuck = try server.arrive(receiveBuffer: 4096).peer
            let much = pattern(12 << 20)
            let isPosted = server.remote.post(much.span)
            #expect(isPosted)
            let peer = try RawPeer(to: other.localEndpoint ?? server.endpoint)
            #expect(try peer.exchange([1]) == [1])
            let stopped = server.begin { [group = server.group] _ in
                await group.stop(drainFor: .seconds(100))
            }
            #expect(try peer.receiveToEnd() == [])
            peer.close()
            #expect(stopped.entries.isEmpty)
            try expect(stuck.receiveToEnd(), are: much)
            stuck.close()
            #expect(try stopped.first().get().drained >= 2)
        }
    }

    /// Nobody can close their loops any more, and what is kept is not lost.
    private static let unclosed = Journal<UVLoopGroup>()

    @Test("What somebody has left on a loop is told, and whoever asks a server there is answered")
    func leftOpen() async throws {
        let errors = Journal<String>()
        let group = try UVLoopGroup(loops: 2, logger: journal(errors, level: .error))
        Self.unclosed.append(group)
        let server = try await group.listen(at: "127.0.0.1:0") { listener in
            listener.userToken = try? listener.loop.after(.seconds(3600)) {}
            return { client, message in client.send(message) }
        }
        await group.stop()
        #expect(errors.entries.count == 2)
        #expect(errors.entries.allSatisfy { $0.contains("still open: timer") })
        #expect(!server.post("x"))
        #expect(await server.stats() == UVListenerStats())
        #expect(!group.loops[0].submit {})
    }

    @Test("Loops come and go without leaving a descriptor", arguments: UVBalance.allCases)
    func descriptors(balance: UVBalance) async {
        switch balance {
        case .fewestClients:
            await #expect(processExitsWith: .success) {
                try await Self.expectNoDescriptorIsLeft(balance: .fewestClients)
            }
        case .kernel:
            await #expect(processExitsWith: .success) {
                try await Self.expectNoDescriptorIsLeft(balance: .kernel)
            }
        }
    }

    private static func expectNoDescriptorIsLeft(balance: UVBalance) async throws {
        // What the process opens once is open then.
        try await comeAndGo(balance: balance)
        let (sockets, count) = (RawSocket.sockets, RawSocket.descriptors.count)
        for _ in 0..<20 { try await comeAndGo(balance: balance) }
        try #require(RawSocket.sockets == sockets)
        // The system's threads have some of their own open now and then; one left each time would be 20.
        try #require(RawSocket.descriptors.count < count + 10)
        // Servers that come and go on loops that stay leave none either.
        try await withLoops(3) { group in
            try await group.listen(at: "127.0.0.1:0", balance: balance, makeHandler: echoOnLoops)
                .stop()
            let (sockets, count) = (RawSocket.sockets, RawSocket.descriptors.count)
            for _ in 0..<50 {
                let server = try await group.listen(
                    at: "127.0.0.1:0", balance: balance, makeHandler: echoOnLoops)
                let endpoint = try #require(server.localEndpoint)
                let peer = try RawPeer(to: endpoint)
                try #require(peer.exchange([1]) == [1])
                peer.close()
                await server.stop(drainFor: .zero)
                await #expect(throws: UVError.self) {
                    try await group.listen(
                        at: "192.0.2.1:0", balance: balance, makeHandler: echoOnLoops)
                }
            }
            try #require(RawSocket.sockets == sockets)
            try #require(RawSocket.descriptors.count < count + 10)
        }
    }

    private static func comeAndGo(balance: UVBalance) async throws {
        try await withGroup(
            balance: balance, options: UVListenerOptions(maxConnections: 6)
        ) { server in
            let peers = try (0..<12).map { _ in try server.connect() }
            try server.connected.wait(for: 6)
            withExtendedLifetime(peers) {}
        }
    }
}
