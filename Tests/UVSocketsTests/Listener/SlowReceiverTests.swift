import Foundation
import Testing

@testable import UVSockets

@Suite("Slow receivers", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct SlowReceiverTests {
    private static let message = pattern(1 << 15)

    /// Broadcasts to a client that does not read until it is slow.
    private static func makeSlow(_ server: Server) throws {
        for _ in 0..<2000 {
            let isSlow = try server.onLoop { listener in
                listener.broadcast(message)
                return listener.clients.contains { $0.isSlow }
            }
            if isSlow { return }
        }
        throw TimedOut("the client never was slow")
    }

    @Test("A slow one is skipped, and gets later messages once it has read")
    func skip() throws {
        let drained = Journal<Void>()
        try withServer(
            configure: { $0.onDrained = { _ in drained.append(()) } },
            body: { server in
                let slow = try server.connect(receiveBuffer: 4096)
                try server.connected.wait(for: 1)
                try Self.makeSlow(server)
                let sent = try server.onLoop { $0.clients[0].bytesSent + UInt64($0.bytesQueued) }
                let receipt = try server.onLoop { $0.broadcast("skipped", whenSlow: .skip) }
                #expect(receipt.skipped == 1)
                #expect(receipt.receivers == 0)
                #expect(try slow.receive(Int(sent)).count == Int(sent))
                try drained.wait(for: 1)
                let later = try server.onLoop { $0.broadcast("later", whenSlow: .skip) }
                #expect(later.sent == 1)
                #expect(try slow.receive(5) == Array("later".utf8))
            })
    }

    @Test("A slow one gets only the latest message of a key, whole and in its place")
    func keepLatest() throws {
        try withServer(framing: .lengthPrefix(.bytes4)) { server in
            let slow = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            try Self.makeSlow(server)
            let (receipts, total) = try server.onLoop { listener in
                let client = listener.clients[0]
                let texts = [
                    ("a", "a1"), ("b", "b1"), ("a", "a number 2"), ("b", "b2"), ("a", "a3"),
                ]
                let receipts = texts.map { key, text in
                    listener.broadcast(text, whenSlow: .keepLatest(key: key))
                }
                return (receipts, Int(client.bytesSent) + client.bytesQueued)
            }
            #expect(receipts.map(\.queued) == [1, 1, 0, 0, 0])
            #expect(receipts.map(\.replaced) == [0, 0, 1, 1, 1])
            let bytes = try slow.receive(total)
            let frame = 4 + Self.message.count
            #expect((bytes.count - 12) % frame == 0)
            let latest: [UInt8] = [0, 0, 0, 2, 0x61, 0x33, 0, 0, 0, 2, 0x62, 0x32]  // a3, b2
            #expect(Array(bytes.suffix(12)) == latest)
            for start in stride(from: 0, to: bytes.count - 12, by: frame) {
                try expect(Array(bytes[start + 4..<start + frame]), are: Self.message)
            }
        }
    }

    @Test("However many keys there are, no key has two messages waiting")
    func keys() throws {
        try withServer { server in
            let slow = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            let text = [UInt8](repeating: 0x78, count: 50_000)
            var most = 0
            for round in 0..<400 {
                for key in 0..<4 {
                    most = max(
                        most,
                        try server.onLoop { listener in
                            listener.broadcast(text, whenSlow: .keepLatest(key: "\(key)"))
                            return listener.clients[0].bytesQueued
                        })
                }
                // It reads a little now and then, so that writes end.
                if round % 4 == 3 { _ = try slow.receiveSome(20_000) }
            }
            // One is being written.
            #expect(most <= 5 * text.count)
            #expect(most > 3 * text.count)
        }
    }

    @Test("Nobody gets what has to wait for a slow one")
    func wait() throws {
        try withServer { server in
            _ = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            let slow = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 2)
            server.post { $0.kick(1) }
            let good = try server.connect()
            #expect(try good.exchange([1]) == [1])
            let before = try server.onLoop { $0.broadcast("x", whenSlow: .wait) }
            #expect(before.receivers == 2)
            #expect(try good.receive(1) == Array("x".utf8))
            for _ in 0..<2000 {
                let receipt = try server.onLoop { $0.broadcast(Self.message, whenSlow: .wait) }
                if receipt.waitsFor == 1 {
                    #expect(receipt.receivers == 0)
                    #expect(!good.poll(seconds: 0))
                    slow.close()
                    return
                }
                try expect(good.receive(Self.message.count), are: Self.message)
            }
            Issue.record("nobody had to wait")
        }
    }

    @Test("A broadcast names those whom it has ended")
    func disconnected() throws {
        var options = UVListenerOptions()
        options.connection.sendLimit = 1 << 18
        try withServer(options: options) { server in
            let slow = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            for _ in 0..<2000 {
                let receipt = try server.onLoop { $0.broadcast(Self.message) }
                if receipt.disconnected == [1] {
                    #expect(receipt.receivers == 0)
                    #expect(try server.ended.first().reason == .slowReceiver)
                    #expect(try server.onLoop { $0.bytesQueued } == 0)
                    slow.close()
                    return
                }
                #expect(receipt.sent + receipt.queued == 1)
            }
            Issue.record("it was not ended")
        }
    }

    @Test("Where the kernel takes what has grown in the queue, the receiver is slow no more")
    func grownAndTaken() throws {
        let answers = Journal<UVSendResult>()
        try withServer(
            onMessage: { client, _ in answers.append(client.send([3])) },
            configure: { listener in
                listener.onConnected = { client in
                    listener.broadcast([1], whenSlow: .keepLatest(key: "k"))
                    listener.broadcast(
                        [UInt8](repeating: 2, count: 100_000), whenSlow: .keepLatest(key: "k"))
                }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.receive(100_000).last == 2)
                // What it sends is not held back.
                #expect(try peer.exchange([1]) == [3])
                #expect(try answers.first() == .taken)
            })
    }

    @Test("A message that takes the place of a shorter one counts for the budget, too")
    func budgetOfReplaced() throws {
        var options = UVListenerOptions()
        options.outboundBudget = 8 << 20
        try withServer(options: options) { server in
            let slow = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            try server.onLoop { listener in
                guard let client = listener.clients.first else { return }
                while client.bytesQueued < 1 << 17 { client.send(Self.message) }
                listener.broadcast([1], whenSlow: .keepLatest(key: "k"))
                let receipt = listener.broadcast(
                    [UInt8](repeating: 2, count: 12 << 20), whenSlow: .keepLatest(key: "k"))
                #expect(receipt.replaced == 1)
            }
            #expect(try server.ended.first().reason == .outboundBudgetExceeded)
            slow.close()
        }
    }

    @Test("Beyond the budget the one with the most queued bytes goes, and only that")
    func budget() throws {
        let warnings = Journal<UVEndReason>()
        var options = UVListenerOptions()
        options.outboundBudget = 4 << 20
        try withServer(
            options: options,
            configure: { $0.onDisconnected = { warnings.append($1) } },
            body: { server in
                let worst = try server.connect(receiveBuffer: 4096)
                try server.connected.wait(for: 1)
                let slow = try server.connect(receiveBuffer: 4096)
                try server.connected.wait(for: 2)
                let good = try server.connect()
                try server.connected.wait(for: 3)
                for round in 0..<2000 where server.ended.entries.isEmpty {
                    server.post { listener in
                        listener.client(1)?.send(Self.message)
                        if round % 2 == 0 { listener.client(2)?.send(Self.message) }
                        listener.client(3)?.send(Self.message)
                    }
                    try expect(good.receive(Self.message.count), are: Self.message)
                    #expect(try server.onLoop { $0.bytesQueued } <= 4 << 20)
                }
                let end = try server.ended.first()
                #expect(end.id == 1)
                #expect(end.reason == .outboundBudgetExceeded)
                let (evictions, sum) = try server.onLoop { listener in
                    (
                        listener.events.guards.evictions,
                        listener.clients.reduce(0) { $0 + $1.bytesQueued } - listener.bytesQueued
                    )
                }
                #expect(evictions == 1)
                #expect(sum == 0)
                #expect(try good.exchange([1]) == [1])
                worst.close()
                slow.close()
            })
    }

    @Test("Groups: who joins gets what is sent to the group, until it leaves or ends")
    func groups() throws {
        try withServer { server in
            let peers = try (1...4).map { number in
                let peer = try server.connect()
                try server.connected.wait(for: number)
                return peer
            }
            let receivers = try server.onLoop { listener in
                let room = UVRoom(of: listener)
                for id in 1...3 {
                    guard let client = listener.client(UInt64(id)) else { continue }
                    room.join(client)
                    room.join(client)
                    client.userToken = room
                }
                guard let first = listener.client(1), let second = listener.client(2) else {
                    return [Int]()
                }
                let counts = [
                    room.count, listener.broadcast("a", to: .room(room)).receivers,
                    listener.broadcast("b", to: .room(room, except: first)).receivers,
                ]
                room.leave(second)
                room.leave(second)
                return counts + [listener.broadcast("c", to: .room(room)).receivers, room.count]
            }
            #expect(receivers == [3, 3, 2, 2, 2])
            let expected = ["ac", "ab", "abc", ""]
            for (peer, text) in zip(peers, expected) {
                #expect(try peer.receive(text.utf8.count) == Array(text.utf8))
            }
            peers[0].close()
            try server.ended.wait(for: 1)
            let left = try server.onLoop { listener in
                (listener.client(3)?.userToken as? UVRoom)?.members.map(\.id)
            }
            #expect(left == [3])
        }
    }
}
