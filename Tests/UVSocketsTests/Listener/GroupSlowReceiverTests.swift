import Foundation
import Testing

@testable import UVSockets

@Suite("Slow receivers on many loops", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct GroupSlowReceiverTests {
    private static let much = pattern(8 << 20)

    /// What a test does with clients of whom those on the first two loops are slow.
    private static func withSlowOnes(
        framing: UVFraming = .raw, options: UVListenerOptions = .patient,
        _ body:
            @escaping @Sendable (GroupServer, _ slow: [RawPeer], _ good: RawPeer) throws -> Void
    ) async throws {
        try await withGroup(framing: framing, options: options) { server in
            let slow = try (0..<2).map { _ in try server.arrive(receiveBuffer: 4096) }
            let good = try server.arrive()
            #expect([slow[0], slow[1], good].map(\.arrival.loop) == [0, 1, 2])
            let ids = slow.map(\.arrival.id)
            let areSlow = try server.onEachLoop { listener in
                for client in listener.clients where ids.contains(client.id) { client.send(much) }
                return listener.clients.contains { $0.isSlow }
            }
            #expect(areSlow == [true, true, false])
            try body(server, slow.map(\.peer), good.peer)
        }
    }

    @Test("They are skipped, and get later messages once they have read")
    func skip() async throws {
        try await Self.withSlowOnes { server, slow, good in
            let receipt = try server.ask { await $0.broadcast("skipped", whenSlow: .skip) }
            #expect(receipt.skipped == 2)
            #expect(receipt.sent == 1)
            #expect(receipt.receivers == 1)
            #expect(server.remote.post("!", whenSlow: .skip))
            #expect(try good.receive(8) == Array("skipped!".utf8))
            for peer in slow { try expect(peer.receive(Self.much.count), are: Self.much) }
            try Self.untilNobodyIsSlow(server)
            #expect(try server.ask { await $0.broadcast("later", whenSlow: .skip) }.receivers == 3)
            for peer in slow + [good] { #expect(try peer.receive(5) == Array("later".utf8)) }
            #expect(try server.ask { await $0.stats() }.skips == 4)
        }
    }

    @Test("They get only the latest message of a key, whole and in its place")
    func keepLatest() async throws {
        try await Self.withSlowOnes(framing: .lengthPrefix(.bytes4, maximumLength: 8 << 20)) {
            server, slow, good in
            let receipts = try [("a", "a1"), ("b", "b1"), ("a", "a number 2"), ("a", "a3")].map {
                key, text in
                try server.ask { await $0.broadcast(text, whenSlow: .keepLatest(key: key)) }
            }
            #expect(receipts.map(\.replaced) == [0, 0, 2, 2])
            #expect(receipts.map(\.receivers) == [3, 3, 3, 3])
            let news: [UInt8] = [0, 0, 0, 2] + "a3".utf8 + [0, 0, 0, 2] + "b1".utf8
            for peer in slow {
                try expect(peer.receive(4 + Self.much.count), are: [0, 128, 0, 0] + Self.much)
                #expect(try peer.receive(news.count) == news)
            }
            #expect(try good.receive(6) == [0, 0, 0, 2] + "a1".utf8)
            #expect(try server.ask { await $0.stats() }.replacements == 4)
        }
    }

    @Test("A broadcast that waits for them leaves when the last of them has read")
    func wait() async throws {
        try await Self.withSlowOnes { server, slow, good in
            let receipts = Journal<UVBroadcastReceipt>()
            let remote = server.remote
            let first = server.connected.entries[0].id
            // The first to ask waits for one of them alone.
            Task { receipts.append(await remote.broadcast("x", except: first, whenSlow: .wait)) }
            try expect(slow[1].receive(Self.much.count), are: Self.much)
            #expect(try receipts.first() == UVBroadcastReceipt(sent: 2))
            #expect(try good.receive(1) == Array("x".utf8))
            Task { receipts.append(await remote.broadcast("y", whenSlow: .wait)) }
            try expect(slow[0].receive(Self.much.count), are: Self.much)
            #expect(try receipts.wait(for: 2)[1].receivers == 3)
            #expect(try slow[0].receive(1) == Array("y".utf8))
            #expect(try slow[1].receive(2) == Array("xy".utf8))
            #expect(try good.receive(1) == Array("y".utf8))
        }
    }

    @Test("A broadcast that waits for them is told when they go, and when it is cancelled")
    func waitEnds() async throws {
        try await Self.withSlowOnes { server, slow, good in
            let receipts = Journal<UVBroadcastReceipt>()
            let remote = server.remote
            let task = Task { receipts.append(await remote.broadcast("x", whenSlow: .wait)) }
            task.cancel()
            #expect(try receipts.first() == UVBroadcastReceipt(waitsFor: 2))
            Task { receipts.append(await remote.broadcast("y", whenSlow: .wait)) }
            for peer in slow { peer.close() }
            let second = try receipts.wait(for: 2)[1]
            #expect(second == UVBroadcastReceipt(sent: 1))
            #expect(try good.receive(1) == Array("y".utf8))
        }
    }

    @Test("Those whom a broadcast ends are named, whatever their loops")
    func disconnected() async throws {
        var options = UVListenerOptions()
        options.connection.sendLimit = 1 << 18
        try await Self.withSlowOnes(options: options) { server, slow, good in
            let receipt = try server.ask { await $0.broadcast("x") }
            #expect(receipt.disconnected.sorted() == server.connected.entries[..<2].map(\.id))
            #expect(receipt.receivers == 1)
            #expect(try good.receive(1) == [UInt8(ascii: "x")])
            let ends = try server.ended.wait(for: 2)
            #expect(ends.allSatisfy { $0.reason == .slowReceiver })
            #expect(try server.ask { await $0.stats() }.bytesQueued == 0)
            slow.forEach { $0.close() }
        }
    }

    @Test("Each loop has its share of the budget, and ends those who pass it")
    func budget() async throws {
        var options = UVListenerOptions()
        options.outboundBudget = 6 << 20
        // The share of a loop is 2 MiB, and a message of 8 MiB passes it.
        try await withGroup(options: options) { server in
            let peers = try (0..<3).map { _ in try server.arrive(receiveBuffer: 4096).peer }
            let isPosted = server.remote.post(Self.much.span)
            #expect(isPosted)
            let ends = try server.ended.wait(for: 3)
            #expect(ends.allSatisfy { $0.reason == .outboundBudgetExceeded })
            #expect(try server.ask { await $0.stats() }.evictions == 3)
            withExtendedLifetime(peers) {}
        }
    }

    @Test("A posted message cannot wait: nobody would hear that it has to")
    func postCannotWait() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            try await withLoops(2) { group in
                let server = try await group.listen(at: "127.0.0.1:0", makeHandler: echoOnLoops)
                server.post("x", whenSlow: .wait)
            }
        }
        #expect(result.said("UVServerHandle.post cannot wait for slow receivers"))
    }

    private static func untilNobodyIsSlow(_ server: GroupServer) throws {
        for _ in 0..<1000 {
            guard try server.onEachLoop({ $0.clients.contains { $0.isSlow } }).contains(true) else {
                return
            }
        }
        throw TimedOut("somebody stayed slow")
    }
}
