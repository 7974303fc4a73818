import Foundation
import Testing

@testable import UVSockets

@Suite("Stopping a server on many loops", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct GroupStopTests {
    @Test("The report is the sum over the loops, to the byte", arguments: [0, 200])
    func report(milliseconds: Int) async throws {
        let much = pattern(12 << 20)
        try await withGroup { server in
            // On each loop one that does not read, and two that do.
            let stuck = try (0..<3).map { _ in try server.arrive() }
            let reading = try server.connect(6)
            #expect(stuck.map(\.arrival.loop) == [0, 1, 2])
            let ids = stuck.map(\.arrival.id)
            _ = try server.onEachLoop { listener in
                for client in listener.clients where ids.contains(client.id) { client.send(much) }
            }
            let report = try server.ask { await $0.stop(drainFor: .milliseconds(milliseconds)) }
            for peer in reading { #expect(try peer.receiveToEnd() == []) }
            let ends = try server.ended.wait(for: 9)
            #expect(report.drained == 6)
            #expect(report.cutOff == 3)
            let queued = ends.reduce(0) { $0 + $1.bytesQueued }
            #expect(report.bytesLost > queued || !Transport.current.hasUnacknowledged)
            #expect(report.bytesLost >= queued && report.bytesLost <= 3 * much.count)
            // What is not lost has arrived. Of what has, the kernel may not have heard.
            let arrived = stuck.reduce(0) { $0 + $1.peer.receiveToReset().bytes.count }
            #expect(arrived + report.bytesLost >= 3 * much.count)
            #expect(ends.allSatisfy { $0.reason == .listenerStopped })
            withExtendedLifetime(stuck) {}
        }
    }

    @Test("What is queued for clients of every loop leaves, and then the goodbye")
    func goodbye() async throws {
        let much = pattern(3 << 20)
        try await withGroup { server in
            let peers = try (0..<6).map { _ in try server.arrive(receiveBuffer: 4096).peer }
            let isPosted = server.remote.post(much.span)
            #expect(isPosted)
            let answer = server.begin {
                await $0.stop(drainFor: .seconds(60), goodbye: Array("bye".utf8))
            }
            for peer in peers {
                try expect(peer.receiveToEnd(), are: much + "bye".utf8)
                peer.close()
            }
            #expect(try answer.first().get().drained == 6)
            #expect(try answer.first().get().cutOff == 0)
        }
    }

    @Test(
        "Stopped while clients come from many sides, it leaves nobody hanging", .serialized,
        arguments: UVBalance.allCases, [nil, 5])
    func whileConnecting(balance: UVBalance, limit: Int?) async throws {
        for round in 0..<10 {
            try await withGroup(
                at: "127.88.0.1:0", balance: balance,
                options: UVListenerOptions(maxConnections: limit)
            ) { server in
                let threads = 6
                let (served, over) = (Journal<Void>(), Journal<Bool>())
                for _ in 0..<threads {
                    Thread.detachNewThread {
                        over.append(Self.connectUntilRefused(server, served: served))
                    }
                }
                try served.wait(for: 5 + 10 * round)
                let report = try server.ask {
                    await $0.stop(drainFor: .seconds(20), goodbye: [255])
                }
                // None of them has waited in vain.
                #expect(try !over.wait(for: threads).contains(false))
                let stats = try server.ask { await $0.stats() }
                #expect(stats.clients == 0)
                #expect(stats.accepted == UInt64(server.connected.entries.count))
                #expect(report.cutOff == 0)
                #expect(server.connected.entries.count == server.ended.entries.count)
                if let limit { #expect(stats.peakClients <= limit) }
            }
        }
    }

    /// Connects and is served again and again.
    ///
    /// - Returns: False where there was no answer at all.
    private static func connectUntilRefused(
        _ server: GroupServer, served: Journal<Void>
    ) -> Bool {
        do {
            while true {
                let peer = try server.connect()
                try peer.send([1])
                let answer = try peer.receive(1)
                // Nothing, or the goodbye.
                guard answer == [1] else { return answer == [] || answer == [255] }
                served.append(())
                // One that is gone when the goodbye comes would be cut off.
                try peer.finish()
                _ = try peer.receiveToEnd()
            }
        } catch let error as SocketError {
            return [ECONNREFUSED, ECONNRESET, EPIPE].contains(error.number)
        } catch {
            return false
        }
    }

    @Test(
        "Clients that wait at the limit when it stops are not let in",
        arguments: UVBalance.allCases)
    func waiting(balance: UVBalance) async throws {
        try await withGroup(
            balance: balance, options: UVListenerOptions(maxConnections: 3)
        ) { server in
            let inside = try server.connect(3)
            let waiting = try (0..<20).map { _ in try server.connect() }
            for peer in waiting { try peer.send("x") }
            let answer = server.begin { await $0.stop(goodbye: Array("bye".utf8)) }
            for peer in inside {
                #expect(try peer.receiveToEnd() == Array("bye".utf8))
                peer.close()
            }
            #expect(try answer.first().get() == UVDrainReport(drained: 3))
            for peer in waiting {
                do {
                    #expect(try peer.receiveToEnd() == [])
                } catch let error as SocketError {
                    #expect(error.number == ECONNRESET)
                }
            }
            #expect(server.connected.entries.count == 3)
        }
    }

    @Test("Stopped again while it drains, both are told the same")
    func twice() async throws {
        try await withGroup { server in
            let stuck = try server.connect(6)
            let isPosted = server.remote.post(pattern(12 << 20).span)
            #expect(isPosted)
            let first = server.begin { await $0.stop(drainFor: .seconds(3600)) }
            // It has begun where nobody listens any more.
            while server.remote.localEndpoint != nil { _ = try server.ask { await $0.stats() } }
            #expect(first.entries.isEmpty)
            let second = try server.ask { await $0.stop(drainFor: .zero) }
            #expect(second.cutOff == 6)
            #expect(try first.first().get() == second)
            // Now nobody is left.
            #expect(try server.ask { await $0.stop() } == UVDrainReport())
            withExtendedLifetime(stuck) {}
        }
    }

    @Test("A stopped server answers, although there is nobody any more")
    func stopped() async throws {
        try await withGroup(at: "127.88.0.2:0") { server in
            for peer in try server.connect(4) { peer.close() }
            try server.ended.wait(for: 4)
            #expect(try server.ask { await $0.stop() } == UVDrainReport())
            #expect(server.remote.localEndpoint == nil)
            let stats = try server.ask { await $0.stats() }
            #expect(stats.accepted == 4)
            #expect(stats.clients == 0)
            #expect(try server.ask { await $0.snapshot() }.clients.isEmpty)
            #expect(try server.ask { await $0.broadcast("x") } == UVBroadcastReceipt())
            #expect(try !server.ask { await $0.kick(1) })
            #expect(throws: SocketError.self) { try server.connect() }
        }
    }

    @Test("A server whose loops are closed answers at once that there is nobody")
    func closed() async throws {
        let group = try UVLoopGroup(loops: 3)
        let server = try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
        await group.stop()
        #expect(server.localEndpoint == nil)
        #expect(await server.stats() == UVListenerStats())
        #expect(await server.snapshot().clients.isEmpty)
        #expect(await server.broadcast("x") == UVBroadcastReceipt())
        #expect(await server.broadcast("x", whenSlow: .wait) == UVBroadcastReceipt())
        #expect(await !server.kick(1))
        #expect(await server.stop() == UVDrainReport())
        #expect(!server.post("x"))
        #expect(!server.forEachListener { _ in })
    }

    @Test("Whoever asks while the loops are being closed is answered")
    func askedWhileClosing() async throws {
        let (askers, rounds) = (4, 100)
        for _ in 0..<rounds {
            let (begun, over) = (Journal<Void>(), Journal<Void>())
            try await withLoops(2) { group in
                let server = try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
                for asker in 0..<askers {
                    beginTask {
                        repeat {
                            begun.append(())
                            switch asker {
                            case 0: _ = await server.stats()
                            case 1: _ = await server.broadcast("x", whenSlow: .wait)
                            case 2: _ = await server.kick(7)
                            default: _ = await server.snapshot()
                            }
                        } while server.forEachListener { _ in }
                        over.append(())
                    }
                }
                try await begun.arrival(of: askers)
            }
            try await over.arrival(of: askers)
        }
    }

    @Test("One loop's listener can be stopped, and the others go on", arguments: UVBalance.allCases)
    func oneOfThem(balance: UVBalance) async throws {
        try await withGroup(balance: balance) { server in
            let before = try server.connect(30)
            server.remote.forEachListener { [loop = server.group.loops[1]] listener in
                if listener.loop === loop { listener.stop() }
            }
            #expect(try server.onEachLoop { $0.localEndpoint != nil }[1] == false)
            #expect(server.remote.localEndpoint == server.endpoint)
            let after = try server.connect(30)
            for peer in after { #expect(try peer.exchange([3]) == [3]) }
            for peer in before { peer.close() }
            try server.ended.wait(for: 30)
            #expect(server.connected.entries[30...].allSatisfy { $0.loop != 1 })
            #expect(try server.ask { await $0.stats() }.clients == 30)
            let report = server.begin { await $0.stop() }
            for peer in after {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
            #expect(try report.first().get().drained == 30)
            #expect(server.remote.localEndpoint == nil)
        }
    }
}
