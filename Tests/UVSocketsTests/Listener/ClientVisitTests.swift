import Testing
import UVSocketsTesting

@testable import UVSockets

@Suite("Visits to all clients", .ownThreads, .timeLimit(.minutes(1)))
struct ClientVisitTests {
    private final class NoHost: ConnectionAgent {
        func connectionDidOpen(_ connection: UVConnection) {}
        func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {}
        func outboundBudgetPassed() {}
        var countsLosses: Bool { false }
        var isToldOfSlowEnds: Bool { false }
    }

    @Test(
        "Whoever comes and goes meanwhile, each client of the beginning is visited once",
        arguments: 1...20)
    func againstModel(seed: Int) throws {
        try withLoop { loop in
            let address = try #require(SocketAddress("127.0.0.1:1"))
            let events = ConnectionEvents(.listener, .raw) { _, _ in }
            let table = ClientTable()
            var lastID: UVConnection.ID = 0
            var everybody: [UVConnection] = []
            func join() throws {
                lastID += 1
                let client = UVConnection(
                    try TCPHandle(on: loop), peer: address, id: lastID, of: NoHost(), events)
                everybody.append(client)
                table.join(client)
            }
            var random = SplitMix64(seed: UInt64(seed))
            for _ in 0..<Int.random(in: 0...900, using: &random) { try join() }
            let present = table.all.map(\.id)
            var visited: [UVConnection.ID] = []
            var isOver = false
            let visit = ClientVisit(before: lastID + 1) {
                visited.append($0.id)
            } completion: {
                #expect(!isOver)
                isOver = true
            }
            table.visits.append(visit)
            while !isOver {
                let before = visited.count
                visit.proceed(table)
                #expect(visited.count - before <= ClientVisit.clientsInTurn)
                for _ in 0..<Int.random(in: 0...150, using: &random) {
                    if Bool.random(using: &random) || table.all.isEmpty {
                        try join()
                    } else if let client = table.all.randomElement(using: &random) {
                        table.leave(client)
                    }
                }
            }
            #expect(visited.sorted() == present)
            for client in everybody { client.handle.close() }
        }
    }

    @Test("A visit takes a turn for each 256 clients, and others are served between")
    func turns() throws {
        let server = try MemoryServer()
        let peers = try (0..<1000).map { _ in try server.connect() }
        let loop = server.network.loop
        var turns: [UInt64: Int] = [:]
        var isOver = false
        server.listener.visitClients { _ in
            turns[loop.turn, default: 0] += 1
        } completion: {
            isOver = true
        }
        #expect(turns.values.reduce(0, +) == 256)
        #expect(!isOver)
        server.network.run()
        #expect(isOver)
        #expect(turns.values.reduce(0, +) == 1000)
        // The first part was visited before the loop's turn began.
        #expect(turns.values.sorted() == [232, 256, 512])
        withExtendedLifetime(peers) {}
    }

    @Test("The sums of a server count each byte once, although clients leave meanwhile")
    func sums() throws {
        let server = try MemoryServer()
        let peers = try (0..<600).map { _ in try server.connect() }
        for peer in peers { #expect(peer.exchange("ten bytes\n") == "ten bytes\n") }
        var collected: UVListenerStats?
        server.listener.collectStats { collected = $0 }
        #expect(collected == nil)
        // They leave before their turn, in it, and after it.
        for client in server.listener.clients.prefix(300) { client.reset() }
        for client in server.listener.clients.suffix(200) { client.reset() }
        server.network.run()
        let stats = try #require(collected)
        #expect(stats.bytesReceived == 6000)
        #expect(stats.bytesSent == 6000)
        #expect(stats.messagesReceived == 600)
        #expect(server.listener.stats.bytesReceived == 6000)
    }

    @Test("A listener whose clients all leave ends its visits")
    func allLeave() throws {
        let server = try MemoryServer()
        let peers = try (0..<300).map { _ in try server.connect() }
        var count = 0
        var isOver = false
        server.listener.visitClients { _ in
            count += 1
        } completion: {
            isOver = true
        }
        server.listener.stop(drainFor: .zero)
        server.network.run()
        #expect(isOver && count == 300)
        withExtendedLifetime(peers) {}
    }
}
