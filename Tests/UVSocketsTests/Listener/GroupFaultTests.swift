import Foundation
import Testing

@testable import UVSockets

@Suite("A server of which one loop is in trouble", .ownThreads, .timeLimit(.minutes(1)))
struct GroupFaultTests {
    @Test(
        "A loop that ends by itself ends its clients, and the others go on, and stop",
        arguments: UVBalance.allCases)
    func endedLoop(balance: UVBalance) async throws {
        try await withGroup(loops: 2, balance: balance) { server in
            let peers = try (0..<20).map { _ in try server.arrive() }
            let doomed = peers.filter { $0.arrival.loop == 1 }
            server.group.loops[1].stop()
            for (peer, _) in doomed {
                // A peer with nothing queued is closed, another reset.
                #expect((try? peer.receiveToEnd()) ?? [] == [])
                peer.close()
            }
            try server.ended.wait(for: doomed.count)
            let later = try (0..<20).map { _ in try server.arrive() }
            for (peer, arrival) in later {
                #expect(arrival.loop == 0)
                #expect(try peer.exchange([7]) == [7])
            }
            for (peer, arrival) in peers where arrival.loop == 0 {
                #expect(try peer.exchange([8]) == [8])
            }
            let clients = try server.ask { await $0.stats() }.clients
            #expect(clients == 40 - doomed.count)
            let report = try server.ask { await $0.stop(drainFor: .zero) }
            #expect(report.drained == clients)
        }
    }

    @Test("A loop that is blocked keeps one place, and no other loop's clients, waiting")
    func blockedLoop() async throws {
        let (blocked, go) = (Journal<Void>(), Journal<Void>())
        let options = UVListenerOptions(maxConnections: 6)
        try await withGroup(
            loops: 2, balance: .kernel, options: options,
            makeHandler: { _ in
                { client, message in
                    if message[0] == 0 {
                        blocked.append(())
                        #expect(throws: Never.self) { try go.first() }
                    }
                    client.send(message)
                }
            },
            body: { server in
                // Clients of either loop, and some that wait for a place on both.
                var inside: [(peer: RawPeer, loop: Int)] = []
                var others: [RawPeer] = []
                for _ in 0..<6 {
                    let (peer, arrival) = try server.arrive()
                    inside.append((peer, arrival.loop))
                }
                for _ in 0..<40 { others.append(try server.connect()) }
                guard let victim = inside.first(where: { $0.loop == 0 }),
                    inside.contains(where: { $0.loop == 1 })
                else { return }
                try victim.peer.send([0])
                try blocked.first()
                // All of the other loop leave, again and again: its waiting clients come in.
                let before = server.connected.entries.count
                for (peer, loop) in inside where loop == 1 { peer.close() }
                let gone = inside.count { $0.loop == 1 }
                if gone > 1 {
                    try server.connected.wait(for: before + gone - 1)
                    #expect(server.connected.entries[before...].allSatisfy { $0.loop == 1 })
                }
                go.append(())
                #expect(try victim.peer.receive(1) == [0])
                try server.connected.wait(for: before + gone)
            })
    }
}
