import Foundation
import Testing
import UVSocketsTesting

@testable import UVSockets

/// Rooms and single clients as callbacks use them, which cannot wait: on one loop and on several.
@Suite("Rooms from callbacks", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct RoomCallbackTests {
    /// Obeys the lines of clients: `join`, `leave`, and `to ID TEXT`. Any other line is for the room.
    private static let obey: @Sendable (UVListener) -> UVLoopGroup.MessageHandler = { _ in
        { client, message in
            guard let server = client.listener?.remote else { return }
            let room = server.room("tea")
            let words = String(message: message).split(separator: " ", maxSplits: 2)
            switch words.first {
            case "join":
                room.join(client)
                client.send("joined")
            case "leave":
                room.leave(client)
                client.send("left")
            case "to" where words.count == 3:
                let result = server.post(words[2], to: UVConnection.ID(words[1]) ?? 0)
                client.send("\(result)")
            default:
                let isPosted = room.post(String(message: message), except: client.id)
                client.send("\(isPosted)")
            }
        }
    }

    /// The next line that a peer gets.
    private static func line(_ peer: RawPeer) throws -> String {
        var bytes: [UInt8] = []
        while bytes.last != UInt8(ascii: "\n") {
            let byte = try peer.receive(1)
            try #require(!byte.isEmpty, "the end came after \(bytes)")
            bytes += byte
        }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    private static func ask(_ peer: RawPeer, _ text: String) throws -> String {
        try peer.send(text + "\n")
        return try line(peer)
    }

    /// How many members the room has on each loop where there is one.
    private static func parts(_ server: GroupServer) throws -> [Int] {
        try server.onEachLoop { $0.clientTable.named["tea"]?.count }.compactMap(\.self)
    }

    @Test(
        "A line of a client reaches the members on every loop, and nobody else", arguments: [1, 3])
    func members(loops: Int) async throws {
        try await withGroup(loops: loops, framing: .lines, makeHandler: Self.obey) { server in
            let peers = try server.connect(6)
            let members = Array(peers[..<4])
            for peer in members {
                #expect(try Self.ask(peer, "join") == "joined")
                // Once more is no more.
                #expect(try Self.ask(peer, "join") == "joined")
            }
            #expect(try Self.parts(server).reduce(0, +) == 4)
            #expect(try Self.parts(server).count == loops)
            for (number, peer) in peers.enumerated() {
                #expect(try Self.ask(peer, "line \(number)") == "true")
                for other in members where other !== peer {
                    #expect(try Self.line(other) == "line \(number)")
                }
            }
            #expect(try Self.ask(members[0], "leave") == "left")
            let receipt = try server.ask { await $0.room("tea").broadcast("fewer") }
            #expect(receipt == UVBroadcastReceipt(sent: 3))
            #expect(try server.ask { await $0.broadcast("all") } == UVBroadcastReceipt(sent: 6))
            for peer in members.dropFirst() { #expect(try Self.line(peer) == "fewer") }
            for peer in peers { #expect(try Self.line(peer) == "all") }
        }
    }

    @Test("One client is reached by its id, on whatever loop it is", arguments: [1, 3])
    func single(loops: Int) async throws {
        try await withGroup(loops: loops, framing: .lines, makeHandler: Self.obey) { server in
            let clients = try (0..<4).map { _ in try server.arrive() }
            for (peer, from) in clients {
                for (other, to) in clients where to.id != from.id {
                    let answer = from.loop == to.loop ? "taken" : "posted"
                    #expect(try Self.ask(peer, "to \(to.id) from \(from.id)") == answer)
                    #expect(try Self.line(other) == "from \(from.id)")
                }
                // Ids that nobody has; the second would be one of this loop.
                #expect(try Self.ask(peer, "to 0 x") == "closed")
                let nobody = from.id + 1000 * UVConnection.ID(loops)
                #expect(try Self.ask(peer, "to \(nobody) x") == "closed")
                #expect(try server.ask { try await $0.send("sent", to: from.id) } == .taken)
                #expect(try server.ask { try await $0.send("sent", to: nobody) } == .closed)
                #expect(try Self.line(peer) == "sent")
            }
        }
    }

    // MARK: - Slow members

    private static let much = [UInt8](repeating: UInt8(ascii: "m"), count: 4 << 20)

    /// What a broadcast with a policy must come to, where two members are slow and three are not.
    struct Policy: Sendable, CustomTestStringConvertible {
        let slow: UVSlowReceiver
        /// What became of a first message, and of any later one: sent, queued, replaced, skipped, and
        /// how many it has ended.
        let first: [Int]
        let later: [Int]
        /// How many of the messages a slow member gets once it reads.
        var reachesSlow: Int?

        var testDescription: String { "\(slow)" }

        static let all = [
            Policy(slow: .disconnect, first: [3, 0, 0, 0, 2], later: [3, 0, 0, 0, 0]),
            Policy(slow: .skip, first: [3, 0, 0, 2, 0], later: [3, 0, 0, 2, 0], reachesSlow: 0),
            Policy(
                slow: .keepLatest(key: "k"), first: [3, 2, 0, 0, 0], later: [3, 0, 2, 0, 0],
                reachesSlow: 1),
            // Where nobody is slow any more.
            Policy(slow: .wait, first: [5, 0, 0, 0, 0], later: [5, 0, 0, 0, 0], reachesSlow: 2),
        ]
    }

    private static func counts(_ receipt: UVBroadcastReceipt) -> [Int] {
        [
            receipt.sent, receipt.queued, receipt.replaced, receipt.skipped,
            receipt.disconnected.count,
        ]
    }

    @Test(
        "A receipt counts each member once, whatever is done with slow ones",
        arguments: [1, 3], Policy.all)
    func slowMembers(loops: Int, policy: Policy) async throws {
        var options = UVListenerOptions.patient
        // Only where slow ones are to be ended does a queue pass it.
        options.connection.sendLimit = policy.slow == .disconnect ? 1 << 20 : 64 << 20
        try await withGroup(
            loops: loops, framing: .lines(maximumLength: 8 << 20), options: options,
            makeHandler: Self.obey
        ) { server in
            let slow = try (0..<3).map { _ in try server.arrive(receiveBuffer: 4096) }
            let good = try server.connect(3)
            // The third slow one is no member.
            for peer in slow.prefix(2).map(\.peer) + good {
                #expect(try Self.ask(peer, "join") == "joined")
            }
            let ids = slow.map(\.arrival.id)
            let areSlow = try server.onEachLoop { listener in
                for id in ids { listener.client(id)?.send(Self.much) }
                return listener.clients.count { $0.isSlow }
            }
            #expect(areSlow.reduce(0, +) == 3)
            let receipts = Journal<UVBroadcastReceipt>()
            for text in ["one", "two"] {
                let answer = server.begin {
                    receipts.append(
                        await $0.room("tea").broadcast(text, whenSlow: policy.slow))
                }
                if policy.slow == .wait, text == "one" {
                    for (peer, _) in slow { try Self.receiveMuch(peer) }
                }
                try answer.first().get()
            }
            #expect(receipts.entries.map(Self.counts) == [policy.first, policy.later])
            for peer in good {
                #expect(try Self.line(peer) == "one")
                #expect(try Self.line(peer) == "two")
            }
            if let count = policy.reachesSlow {
                let news = ["one", "two"].suffix(count)
                for (peer, _) in slow.prefix(2) {
                    if policy.slow != .wait { try Self.receiveMuch(peer) }
                    for text in news { #expect(try Self.line(peer) == text) }
                }
                if policy.slow != .wait { try Self.receiveMuch(slow[2].peer) }
            } else {
                let ended = receipts.entries[0].disconnected.sorted()
                #expect(ended == ids.prefix(2).sorted())
                let ends = try server.ended.wait(for: 2)
                #expect(ends.map(\.id).sorted() == ended)
                #expect(ends.allSatisfy { $0.reason == .slowReceiver })
                #expect(try server.ask { await $0.room("tea").count() } == 3)
            }
        }
    }

    @Test(
        "A callback posts with each policy", arguments: [1, 3],
        [UVSlowReceiver.disconnect, .skip, .keepLatest(key: "k")])
    func posted(loops: Int, policy: UVSlowReceiver) async throws {
        var options = UVListenerOptions.patient
        options.connection.sendLimit = policy == .disconnect ? 1 << 20 : 64 << 20
        try await withGroup(
            loops: loops, framing: .lines(maximumLength: 8 << 20), options: options,
            makeHandler: Self.obey
        ) { server in
            let (slow, arrival) = try server.arrive(receiveBuffer: 4096)
            let good = try server.connect(3)
            for peer in [slow] + good { #expect(try Self.ask(peer, "join") == "joined") }
            for text in ["one", "two"] {
                let posted = try server.onEachLoop { listener in
                    guard listener.loop === server.group.loops[arrival.loop] else { return true }
                    if text == "one" { listener.client(arrival.id)?.send(Self.much) }
                    return listener.remote.room("tea").post(text, whenSlow: policy)
                }
                #expect(!posted.contains(false))
                for peer in good { #expect(try Self.line(peer) == text) }
            }
            let stats = try server.ask { await $0.stats() }
            #expect(stats.skips == (policy == .skip ? 2 : 0))
            #expect(stats.replacements == (policy == .keepLatest(key: "k") ? 1 : 0))
            if policy == .disconnect {
                #expect(try server.ended.first().reason == .slowReceiver)
            } else {
                try Self.receiveMuch(slow)
                if policy != .skip { #expect(try Self.line(slow) == "two") }
                #expect(try server.ask { try await $0.send("end", to: arrival.id) } == .taken)
                #expect(try Self.line(slow) == "end")
            }
        }
    }

    private static func receiveMuch(_ peer: RawPeer) throws {
        try expect(peer.receive(much.count + 1), are: much + [UInt8(ascii: "\n")])
    }

    // MARK: - Leaving

    @Test("A room is gone when its last member is, whichever way that goes", arguments: [1, 3])
    func empty(loops: Int) async throws {
        try await withGroup(loops: loops, framing: .lines, makeHandler: Self.obey) { server in
            let room = server.remote.room("tea")
            for departed in 1...4 {
                let (peer, arrival) = try server.arrive()
                #expect(try Self.ask(peer, "join") == "joined")
                #expect(try Self.parts(server) == [1])
                #expect(try server.ask { _ in await room.members() } == [arrival.id])
                switch departed {
                case 1: try peer.reset()
                case 2:
                    #expect(try server.ask { await $0.kick(arrival.id) })
                    #expect(try peer.receiveToEnd() == [])
                case 3: #expect(try Self.ask(peer, "leave") == "left")
                default: break
                }
                peer.close()
                if departed != 3 { try server.departure(of: departed) }
                #expect(try Self.parts(server) == [])
                #expect(try server.ask { _ in await room.members() } == [])
                #expect(try server.ask { _ in await room.broadcast("x") } == UVBroadcastReceipt())
                // It is sent to nobody, which is no failure.
                #expect(room.post("x"))
                try server.departure(of: departed)
            }
        }
    }

    @Test("Those who stay get every message once, while others come and leave", arguments: [1, 3])
    func leaving(loops: Int) async throws {
        try await withGroup(loops: loops, framing: .lines, makeHandler: Self.obey) { server in
            let stayers = try server.connect(4)
            for peer in stayers { #expect(try Self.ask(peer, "join") == "joined") }
            let hasLeft = Journal<Void>()
            Thread.detachNewThread {
                for round in 0..<90 {
                    guard let peer = try? server.connect() else { continue }
                    try? peer.send(round % 3 == 0 ? "join\nleave\n" : "join\n")
                    if round % 3 == 1 { try? peer.reset() }
                    peer.close()
                }
                hasLeft.append(())
            }
            // As long as they come and go, and a while longer.
            var sent = 0
            var last = Int.max
            while sent < last {
                let text = "news \(sent)"
                let receipt = try server.ask { await $0.room("tea").broadcast(text) }
                #expect(receipt.receivers >= 4)
                #expect(receipt == UVBroadcastReceipt(sent: receipt.sent, queued: receipt.queued))
                sent += 1
                for peer in stayers { #expect(try Self.line(peer) == text) }
                if last == .max, !hasLeft.entries.isEmpty { last = sent + 20 }
            }
            for peer in stayers { peer.close() }
            try server.connected.wait(for: 94)
            try server.departure(of: 94)
            #expect(try Self.parts(server) == [])
        }
    }

    /// What is done in the middle of a broadcast. The test has one thread.
    private final class Meddling: @unchecked Sendable {
        var body: () -> Void = {}
    }

    @Test("A member that another's turn in a broadcast removes harms nobody's", .tcpOnly)
    func meddling() throws {
        let server = try MemoryServer(framing: .lines)
        let meddling = Meddling()
        let room = server.listener.remote.room("tea")
        let peers = try (UVConnection.ID(1)...5).map { id in
            let peer = try server.connect()
            room.join(try server.client(id))
            return peer
        }
        // The first has its turn before the others.
        let (leaving, ending) = (try server.client(2), try server.client(3))
        try server.client(1).framing = .codec(WatchedLines { _ in meddling.body() })
        meddling.body = {
            room.leave(leaving)
            ending.reset()
        }
        let receipt = try server.network.run { await room.broadcast("x") }
        let got = peers.map { $0.takeText() }
        #expect(receipt == UVBroadcastReceipt(sent: got.count { $0 == "x\n" }))
        #expect([got[0], got[2], got[3], got[4]] == ["x\n", "", "x\n", "x\n"])
        #expect(try server.network.run { await room.members() }.sorted() == [1, 4, 5])
        // Whoever is left goes in the middle of the next one.
        let others = try [1, 4, 5].map { try server.client($0) }
        meddling.body = { for client in others { room.leave(client) } }
        #expect(try server.network.run { await room.broadcast("y") }.receivers > 0)
        #expect(server.listener.clientTable.named.isEmpty)
        #expect(try server.network.run { await room.broadcast("z") } == UVBroadcastReceipt())
    }
}
