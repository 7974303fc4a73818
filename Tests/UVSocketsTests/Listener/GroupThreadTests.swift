import Foundation
import Testing
import UVSockets

@Suite("A group's loops and clients", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct GroupThreadTests {
    /// What was called for a client, and where.
    private struct Call: Sendable {
        let name: String
        let id: UVConnection.ID
        let thread: UInt
        let isOnItsLoop: Bool

        init(_ name: String, _ client: UVConnection) {
            self.name = name
            id = client.id
            thread = UInt(pthread_self())
            isOnItsLoop = client.loop.isOnLoop && client.listener?.loop === client.loop
        }
    }

    @Test("Every callback of a client comes on its loop's thread", arguments: UVBalance.allCases)
    func callbacks(balance: UVBalance) async throws {
        let calls = Journal<Call>()
        let much = pattern(6 << 20)
        var options = UVListenerOptions()
        options.connection.allowsHalfOpen = true
        try await withGroup(
            balance: balance, options: options,
            makeHandler: { listener in
                listener.onConnected = { calls.append(Call("connected", $0)) }
                listener.onDrained = { calls.append(Call("drained", $0)) }
                listener.onDisconnected = { client, _ in calls.append(Call("ended", client)) }
                listener.onPeerFinished = { client in
                    calls.append(Call("finished", client))
                    client.close()
                }
                return { client, message in
                    calls.append(Call("message", client))
                    if message[0] == 0 { client.send(much) } else { client.send(message) }
                }
            },
            body: { server in
                let talkers = try (0..<90).map { _ in try server.connect() }
                let readers = try (0..<9).map { _ in try server.connect(receiveBuffer: 65_536) }
                for reader in readers { try reader.send([0]) }
                for _ in 0..<3 {
                    for peer in talkers { try peer.send([1]) }
                    for peer in talkers { #expect(try peer.receive(1) == [1]) }
                }
                for reader in readers { try expect(reader.receive(much.count), are: much) }
                for peer in talkers + readers {
                    try peer.finish()
                    #expect(try peer.receiveToEnd() == [])
                }
                let all = try calls.wait { $0.count { $0.name == "ended" } == 99 }

                #expect(all.allSatisfy { $0.isOnItsLoop })
                let ofClients = Dictionary(grouping: all, by: \.id)
                #expect(ofClients.count == 99)
                for (_, calls) in ofClients {
                    #expect(Set(calls.map(\.thread)).count == 1)
                    #expect(calls.first?.name == "connected")
                    #expect(calls.last?.name == "ended")
                    #expect(calls.contains { $0.name == "message" })
                }
                #expect(all.count { $0.name == "drained" } >= 9)
                #expect(all.count { $0.name == "finished" } == 99)
                let threads = Set(all.map(\.thread)).count
                #expect(balance == .kernel ? 2...3 ~= threads : threads == 3)
            })
    }

    @Test("What a loop's handler keeps is touched by that loop alone, and adds up")
    func state() async throws {
        let sums = Journal<Int>()
        try await withGroup(
            makeHandler: { listener in
                var bytes = 0
                listener.onDisconnected = { _, _ in sums.append(bytes) }
                return { client, message in
                    bytes += message.count
                    client.send(message)
                }
            },
            body: { server in
                // Loop by loop: one client each.
                let peers = try (0..<3).map { _ in try server.arrive().peer }
                for (number, peer) in peers.enumerated() {
                    let bytes = pattern(1000 * (number + 1))
                    try expect(peer.exchange(bytes), are: bytes)
                }
                for peer in peers { peer.close() }
                #expect(try sums.wait(for: 3).sorted() == [1000, 2000, 3000])
            })
    }

    // MARK: - Balance

    @Test("Clients are spread evenly, and those who come fill the gaps of those who left")
    func fewest() async throws {
        try await withGroup { server in
            let first = try (0..<30).map { _ in try server.arrive() }
            #expect(try server.onEachLoop { $0.clients.count } == [10, 10, 10])

            // All of one loop leave, and some of another.
            let leaving =
                first.filter { $0.arrival.loop == 1 } + first.filter { $0.arrival.loop == 2 }[..<4]
            for (peer, _) in leaving { peer.close() }
            try server.departure(of: 14)
            #expect(try server.onEachLoop { $0.clients.count } == [10, 0, 6])

            let second = try (0..<14).map { _ in try server.arrive() }
            #expect(try server.onEachLoop { $0.clients.count } == [10, 10, 10])
            #expect(second.count { $0.arrival.loop == 1 } == 10)
            #expect(second.count { $0.arrival.loop == 2 } == 4)
            // The first ones went to the emptiest.
            #expect(second[..<6].allSatisfy { $0.arrival.loop == 1 })
            for (peer, _) in second { #expect(try peer.exchange([7]) == [7]) }
        }
    }

    @Test("A crowd that comes at once is spread as evenly")
    func crowd() async throws {
        try await withGroup(loops: 4) { server in
            let peers = Journal<RawPeer>()
            for _ in 0..<5 {
                Thread.detachNewThread {
                    for _ in 0..<40 { (try? server.connect()).map(peers.append) }
                }
            }
            for peer in try peers.wait(for: 200) { #expect(try peer.exchange([1]) == [1]) }
            #expect(try server.onEachLoop { $0.clients.count } == [50, 50, 50, 50])
        }
    }

    @Test("Clients that leave at once take turns on the loops")
    func turns() async throws {
        try await withGroup { server in
            for number in 1...30 {
                let (peer, _) = try server.arrive()
                peer.close()
                try server.departure(of: number)
            }
            let loops = server.connected.entries.map(\.loop)
            #expect((0..<3).map { loop in loops.count { $0 == loop } } == [10, 10, 10])
        }
    }

    @Test("Spread by the kernel, everybody is served, and by more than one loop", .tcpOnly)
    func kernel() async throws {
        try await withGroup(balance: .kernel) { server in
            let peers = try (0..<200).map { _ in try server.connect() }
            for peer in peers { try peer.send([1, 2]) }
            for peer in peers { #expect(try peer.receive(2) == [1, 2]) }
            let counts = try server.onEachLoop { $0.clients.count }
            #expect(counts.reduce(0, +) == 200)
            #expect(counts.count { $0 > 0 } > 1)
        }
    }

    @Test("One loop is a group as well", arguments: UVBalance.allCases)
    func one(balance: UVBalance) async throws {
        try await withGroup(loops: 1, balance: balance) { server in
            for peer in try server.connect(5) { #expect(try peer.exchange([1]) == [1]) }
            #expect(server.connected.entries.map(\.id) == [1, 2, 3, 4, 5])
        }
    }

    @Test(
        "Bytes that a client has sent before it is handed over are not lost, nor are those behind")
    func bytesBefore() async throws {
        try await withGroup { server in
            let bytes = pattern(100_000)
            let peers = try (0..<12).map { _ in
                let peer = try server.connect()
                try peer.send(Array(bytes[..<5000]))
                return peer
            }
            for peer in peers {
                try peer.send(Array(bytes[5000...]))
                try expect(peer.receive(bytes.count), are: bytes)
            }
        }
    }
}
