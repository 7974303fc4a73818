import Foundation
import Testing

@testable import UVSockets

@Suite("Broadcasts to many loops", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct GroupBroadcastTests {
    // MARK: - Order

    /// How messages are sent.
    enum Way: CaseIterable {
        case posted, awaited
    }

    @Test(
        "Each client gets each sender's messages, all of them and in order",
        arguments: UVBalance.allCases, Way.allCases)
    func senders(balance: UVBalance, way: Way) async throws {
        let (senders, count) = (4, 200)
        try await withGroup(balance: balance, framing: .lines) { server in
            let peers = try server.connect(9)
            let sent = Journal<Bool>()
            for sender in 0..<senders {
                switch way {
                case .posted:
                    Thread.detachNewThread {
                        for number in 0..<count {
                            sent.append(server.remote.post("\(sender) \(number)"))
                        }
                    }
                case .awaited:
                    beginTask {
                        for number in 0..<count {
                            let receipt = await server.remote.broadcast("\(sender) \(number)")
                            sent.append(receipt.receivers == 9)
                        }
                    }
                }
            }
            for peer in peers {
                let lines = try Self.lines(senders * count, from: peer)
                for sender in 0..<senders {
                    let own = lines.filter { $0.hasPrefix("\(sender) ") }
                    #expect(own == (0..<count).map { "\(sender) \($0)" })
                }
            }
            #expect(try !sent.wait(for: senders * count).contains(false))
        }
    }

    @Test("A task's messages are in order, whether or not it waits for what became of each")
    func mixed() async throws {
        try await withGroup(framing: .lines) { server in
            let peers = try server.connect(6)
            let answer = server.begin { server in
                for number in 0..<300 {
                    switch number % 3 {
                    case 0: server.post("\(number)")
                    case 1: await server.broadcast("\(number)")
                    default: server.forEachListener { $0.broadcast("\(number)") }
                    }
                }
            }
            for peer in peers {
                #expect(try Self.lines(300, from: peer) == (0..<300).map(String.init))
            }
            try answer.first().get()
        }
    }

    @Test("What a handler sends and broadcasts arrives in that order at its own client")
    func inHandler() async throws {
        try await withGroup(
            framing: .lines,
            makeHandler: { _ in
                { client, _ in
                    client.send("a")
                    let isPosted = client.listener?.remote.post("b")
                    client.send(isPosted == true ? "c" : "not posted")
                }
            },
            body: { server in
                let peers = try server.connect(6)
                for peer in peers {
                    try peer.send("x\n")
                    #expect(try Self.lines(3, from: peer) == ["a", "b", "c"])
                    for other in peers where other !== peer {
                        #expect(try Self.lines(1, from: other) == ["b"])
                    }
                }
            })
    }

    @Test("A broadcast of each client to all others reaches those of every loop, in order")
    func chat() async throws {
        try await withGroup(
            makeHandler: { _ in
                { client, message in client.listener?.remote.post(message, except: client.id) }
            },
            body: { server in
                let peers = try server.connect(7)
                for round in 0..<20 {
                    for (number, peer) in peers.enumerated() {
                        try peer.send([UInt8(number), UInt8(round)])
                        for other in peers where other !== peer {
                            try #require(try other.receive(2) == [UInt8(number), UInt8(round)])
                        }
                    }
                }
            })
    }

    // MARK: - Who gets it

    @Test("Everybody gets it but one, whatever the loop of that one")
    func exception() async throws {
        try await withGroup { server in
            let peers = try (0..<9).map { _ in try server.arrive() }
            for (_, arrival) in peers {
                let text = "\(arrival.id)"
                #expect(
                    try server.ask { await $0.broadcast(text, except: arrival.id) }.receivers == 8)
            }
            // There is no such client.
            #expect(try server.ask { await $0.broadcast("0", except: 0) }.receivers == 9)
            #expect(try server.ask { await $0.broadcast("10", except: 10) }.receivers == 9)
            for (peer, arrival) in peers {
                let expected =
                    (1...9).filter { $0 != arrival.id }.map(String.init).joined() + "010"
                #expect(try peer.receive(expected.utf8.count) == Array(expected.utf8))
                #expect(!peer.poll(seconds: 0))
            }
        }
    }

    @Test("Clients that are leaving get nothing, and are not counted")
    func leaving() async throws {
        try await withGroup { server in
            let peers = try server.connect(6)
            let ids = server.connected.entries[..<3].map(\.id)
            for id in ids { #expect(try server.ask { await $0.kick(id) }) }
            #expect(try server.ask { await $0.broadcast("x") }.receivers == 3)
            #expect(peers.count { (try? $0.receive(1)) == [UInt8(ascii: "x")] } == 3)
        }
    }

    @Test("A client with a framing of its own gets it in that, on every loop")
    func ownFraming() async throws {
        try await withGroup(
            framing: .lines,
            makeHandler: { listener in
                listener.onConnected = { if $0.id % 2 == 0 { $0.framing = .netstring } }
                return echo
            },
            body: { server in
                let peers = try (0..<6).map { _ in try server.arrive() }
                #expect(try server.ask { await $0.broadcast("news") }.receivers == 6)
                // What lines cannot carry goes to nobody, also where a client's own framing could.
                #expect(try server.ask { await $0.broadcast("two\nlines") }.receivers == 0)
                #expect(server.remote.post("two\nlines") == false)
                #expect(server.remote.post("end"))
                for (peer, arrival) in peers {
                    let expected = arrival.id % 2 == 0 ? "4:news,3:end," : "news\nend\n"
                    #expect(try peer.receive(expected.utf8.count) == Array(expected.utf8))
                }
            })
    }

    @Test("What has no bytes is not sent, but a message without bytes in a framing is")
    func empty() async throws {
        try await withGroup { server in
            let peer = try server.connect(1)[0]
            #expect(try server.ask { await $0.broadcast([]) } == UVBroadcastReceipt())
            #expect(server.remote.post("") == false)
            #expect(!peer.poll(seconds: 0))
        }
        try await withGroup(framing: .lines) { server in
            let peers = try server.connect(3)
            #expect(try server.ask { await $0.broadcast([]) }.receivers == 3)
            for peer in peers { #expect(try peer.receive(1) == Array("\n".utf8)) }
        }
    }

    @Test("A message is framed once, however many loops and clients there are")
    func framedOnce() async throws {
        let framed = Journal<Int>()
        try await withGroup(framing: .codec(WatchedLines { framed.append($0) })) { server in
            let peers = try server.connect(12)
            #expect(try server.ask { await $0.broadcast("abc") }.receivers == 12)
            #expect(server.remote.post("de"))
            for peer in peers { #expect(try peer.receive(7) == Array("abc\nde\n".utf8)) }
            #expect(framed.entries == [3, 2])
        }
    }

    @Test("A large message arrives whole at clients of every loop, who read it at different times")
    func large() async throws {
        let message = pattern(5 << 20)
        try await withGroup { server in
            let peers = try (0..<6).map { _ in try server.connect(receiveBuffer: 4096) }
            try server.connected.wait(for: 6)
            #expect(try server.ask { await $0.broadcast(message) }.receivers == 6)
            // One goes in the middle of it.
            #expect(try peers[0].receive(1000).count == 1000)
            peers[0].close()
            for peer in peers[1...].reversed() {
                try expect(peer.receive(message.count), are: message)
            }
        }
    }

    private static func lines(_ count: Int, from peer: RawPeer) throws -> [String] {
        var bytes: [UInt8] = []
        var missing = count
        while missing > 0 {
            // To the end of a line and not beyond it.
            let some = try peer.receiveSome(1)
            if some.isEmpty { break }
            if some[0] == UInt8(ascii: "\n") { missing -= 1 }
            bytes += some
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
