import Testing

@testable import UVSockets

@Suite("ClientTable", .ownThreads, .timeLimit(.minutes(1)))
struct ClientTableTests {
    private final class NoHost: ConnectionAgent {
        func connectionDidOpen(_ connection: UVConnection) {}
        func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {}
        func outboundBudgetPassed() {}
        var countsLosses: Bool { false }
        var isToldOfSlowEnds: Bool { false }
    }

    @Test("Whoever joins and leaves in whatever order, the table agrees with a plain dictionary")
    func againstModel() throws {
        try withLoop { loop in
            let address = try #require(SocketAddress("127.0.0.1:1"))
            let events = ConnectionEvents(.listener, .raw) { _, _ in }
            let everybody = try (1...40).map { id in
                UVConnection(
                    try TCPHandle(on: loop), peer: address, id: id, of: NoHost(), events)
            }
            let table = ClientTable()
            var model: [UVConnection.ID: UVConnection] = [:]
            for choice in pattern(4000) {
                let someone = everybody[Int(choice) % everybody.count]
                if model[someone.id] == nil {
                    table.join(someone)
                    model[someone.id] = someone
                } else {
                    table.leave(someone)
                    model[someone.id] = nil
                    // Leaving again changes nothing.
                    table.leave(someone)
                }
                try #require(table[someone.id] === model[someone.id])
                try #require(table.all.map(\.id).sorted() == model.keys.sorted())
            }
            for someone in everybody { someone.handle.close() }
        }
    }
}
