import Foundation
import Testing

@testable import UVSockets

@Suite("Backlog", .ownThreads, .timeLimit(.minutes(2)))
struct BacklogTests {
    @Test("4,000 clients at the door neither starve those inside nor grow the stack")
    func crowd() throws {
        let arrivals = Journal<(turn: UInt64, depth: Int)>()
        let insideWhenAnswered = Journal<Int>()
        try withServer(
            isHeld: true,
            onMessage: { client, message in
                insideWhenAnswered.append(arrivals.entries.count)
                client.send(message)
            },
            configure: { listener in
                listener.onConnected = { client in
                    // Counted in calls: a sanitizer does not leave variables on the stack.
                    let depth = Thread.callStackReturnAddresses.count
                    arrivals.append((client.loop.turn, depth))
                }
            },
            body: { server in
                let first = try server.connect()
                try first.send("x")
                let crowd = try (0..<3999).map { number in
                    try server.connect(from: "127.0.8.\(number / 100 + 1)")
                }
                server.run()
                #expect(try first.receive(1) == [UInt8(ascii: "x")])
                #expect(try insideWhenAnswered.first() < 200)

                let all = try arrivals.wait(for: 4000)
                let turns = Dictionary(grouping: all, by: \.turn)
                #expect((turns.values.map(\.count).max() ?? 0) <= AcceptGate.budget)
                let depths = all.map(\.depth)
                let spread = (depths.max() ?? 0) - (depths.min() ?? 0)
                #expect(spread < 16, "\(Set(depths))")

                for peer in crowd { try peer.send("y") }
                for peer in crowd { try #require(try peer.receive(1) == [UInt8(ascii: "y")]) }
            })
    }

    @Test(
        "A client that has reset its connection in the backlog is told of as one that came and went"
    )
    func resetBeforeAccept() throws {
        try withServer(isHeld: true) { server in
            for _ in 0..<20 { try server.connect().reset() }
            let peer = try server.connect()
            for _ in 0..<20 { try server.connect().reset() }
            server.run()
            #expect(try peer.exchange([1]) == [1])
            #expect(
                try server.ended.wait(for: 40).allSatisfy { $0.id != 21 && $0.reason == .peerReset }
            )
            #expect(try server.onLoop { $0.acceptFailures } == 0)
        }
    }

    @Test("What a client sent, and that it finished, before it was accepted is not lost")
    func sentBeforeAccept() throws {
        try withServer(isHeld: true) { server in
            let peer = try server.connect()
            try peer.send("early")
            try peer.finish()
            server.run()
            #expect(try peer.receiveToEnd() == Array("early".utf8))
        }
    }
}
