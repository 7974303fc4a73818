import Foundation
import Testing

@testable import UVSockets

@Suite("Statistics and kicks on many loops", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct GroupStatsTests {
    @Test("The statistics are the sums over the loops", arguments: UVBalance.allCases)
    func sums(balance: UVBalance) async throws {
        try await withGroup(
            balance: balance, framing: .lines, options: UVListenerOptions(maxConnections: 50)
        ) { server in
            let peers = try server.connect(12)
            for (number, peer) in peers.enumerated() {
                let lines = Array(String(repeating: "abc\n", count: number + 1).utf8)
                #expect(try peer.exchange(lines) == lines)
            }
            for peer in peers[..<5] { peer.close() }
            try server.ended.wait(for: 5)
            let next = try server.connect(3)
            let stats = try server.ask { await $0.stats() }
            #expect(stats.clients == 10)
            #expect(stats.peakClients == 12)
            #expect(stats.accepted == 15)
            #expect(stats.messagesReceived == 78)
            #expect(stats.bytesReceived == 4 * 78)
            #expect(stats.bytesSent == 4 * 78)
            #expect(stats.bytesQueued == 0)
            #expect(stats.ends == [.peerClosed: 5])
            #expect(stats.refusals.total == 0)
            // Each loop counts its own, and what all have together.
            let each = try server.onEachLoop { $0.stats }
            #expect(each.reduce(0) { $0 + $1.clients } == 10)
            #expect(each.reduce(0) { $0 + $1.accepted } == 15)
            #expect(each.allSatisfy { $0.peakClients == 12 })
            #expect(try server.onEachLoop { $0.maxConnections } == [50, 50, 50])
            withExtendedLifetime(next) {}
        }
    }

    @Test("A snapshot has every client of every loop", .tcpOnly)
    func snapshot() async throws {
        try await withGroup { server in
            let peers = try (0..<7).map { _ in try server.arrive() }
            for (number, (peer, _)) in peers.enumerated() {
                let bytes = pattern(number + 1)
                #expect(try peer.exchange(bytes) == bytes)
            }
            let snapshot = try server.ask { await $0.snapshot() }
            #expect(snapshot.stats.clients == 7)
            #expect(snapshot.clients.count == 7)
            for (number, (peer, arrival)) in peers.enumerated() {
                let client = try #require(snapshot.clients.first { $0.id == arrival.id })
                #expect(client.peer == peer.local)
                #expect(client.stats.bytesReceived == UInt64(number + 1))
                #expect(client.stats.bytesSent == UInt64(number + 1))
                #expect(client.stats.bytesQueued == 0)
            }
        }
    }

    @Test(
        "A client is found and kicked by its id, from any thread, whatever its loop",
        arguments: UVBalance.allCases)
    func kick(balance: UVBalance) async throws {
        try await withGroup(balance: balance) { server in
            let peers = try (0..<12).map { _ in try server.arrive() }
            let kicked = Journal<Bool>()
            for (_, arrival) in peers[..<9] {
                beginTask { kicked.append(await server.remote.kick(arrival.id)) }
            }
            for (peer, _) in peers[..<9] {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
            #expect(try !kicked.wait(for: 9).contains(false))
            let ends = try server.ended.wait(for: 9)
            #expect(ends.allSatisfy { $0.reason == .kicked })
            for (peer, _) in peers[9...] { #expect(try peer.exchange([1]) == [1]) }
            #expect(try server.ask { await $0.stats() }.ends == [.kicked: 9])
            // They are known no more.
            for (_, arrival) in peers[..<9] {
                #expect(try !server.ask { await $0.kick(arrival.id) })
            }
        }
    }

    @Test("There is nobody with an id that was never given", arguments: [0, 5, 1 << 40, .max])
    func unknown(id: UVConnection.ID) async throws {
        try await withGroup { server in
            let peers = try server.connect(4)
            #expect(try !server.ask { await $0.kick(id) })
            for peer in peers { #expect(try peer.exchange([1]) == [1]) }
        }
    }

    @Test(
        "Ids are unique among the loops, however clients come and go", .serialized,
        arguments: UVBalance.allCases)
    func ids(balance: UVBalance) async throws {
        try await withGroup(balance: balance) { server in
            let served = Journal<Bool>()
            for _ in 0..<6 {
                Thread.detachNewThread {
                    for _ in 0..<50 {
                        let echoed = try? server.connect().exchange([1])
                        served.append(echoed == [1])
                    }
                }
            }
            #expect(try !served.wait(for: 300).contains(false))
            let ids = try server.ended.wait(for: 300).map(\.id)
            #expect(Set(ids).count == 300)
            #expect(ids.allSatisfy { $0 > 0 })
        }
    }

    @Test("A client's callbacks find the whole server, and may ask it about themselves")
    func fromCallbacks() async throws {
        let answers = Journal<Bool>()
        try await withGroup(
            makeHandler: { _ in
                { client, _ in
                    guard let server = client.listener?.remote else { return }
                    let id = client.id
                    beginTask { answers.append(await server.kick(id)) }
                }
            },
            body: { server in
                let peers = try server.connect(6)
                for peer in peers { try peer.send([1]) }
                for peer in peers {
                    #expect(try peer.receiveToEnd() == [])
                    peer.close()
                }
                #expect(try !answers.wait(for: 6).contains(false))
            })
    }

    @Test("Beyond the limit of submissions a message is not posted, but questions are asked")
    func submissionLimit() async throws {
        let (isBusy, go) = (Journal<Void>(), Journal<Void>())
        try await withLoops(2, submissionLimit: 2) { group in
            let server = try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
            group.loops[1].submit {
                isBusy.append(())
                _ = try? go.first()
            }
            try await isBusy.arrival(of: 1)
            #expect(server.post("a"))
            #expect(server.post("b"))
            #expect(!server.post("c"))
            #expect(!server.forEachListener { _ in })
            let answer = beginTask { await server.stats() }
            go.append(())
            #expect(await answer.value.accepted == 0)
            #expect(server.post("d"))
        }
    }
}
