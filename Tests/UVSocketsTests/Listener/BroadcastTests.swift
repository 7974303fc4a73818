import Foundation
import Testing
import UVSockets
import UVSocketsTesting

@Suite("Broadcast", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct BroadcastTests {
    @Test("Everybody gets it, everybody but one gets it, and it is told how many")
    func receivers() throws {
        try withServer { server in
            let peers = try (0..<10).map { _ in try server.connect() }
            for peer in peers { #expect(try peer.exchange([0]) == [0]) }
            let counts = try server.onLoop { listener in
                [
                    listener.broadcast("to all "),
                    listener.broadcast(
                        "but one ", to: listener.client(4).map { .all(except: $0) } ?? .all),
                    listener.broadcast([]),
                    listener.broadcast(Array("end".utf8)),
                ].map(\.receivers)
            }
            #expect(counts == [10, 9, 0, 10])
            for (number, peer) in peers.enumerated() {
                let expected = number == 3 ? "to all end" : "to all but one end"
                #expect(try peer.receive(expected.utf8.count) == Array(expected.utf8))
            }
            #expect(!peers[3].poll(POLLIN, seconds: 0))
        }
    }

    @Test("Clients that are leaving are not sent to, and not counted")
    func leaving() throws {
        try withServer { server in
            let peers = try (0..<3).map { _ in try server.connect() }
            for peer in peers { #expect(try peer.exchange([0]) == [0]) }
            let count = try server.onLoop { listener in
                listener.kick(1)
                listener.client(2)?.reset()
                return listener.broadcast("x").receivers
            }
            #expect(count == 1)
            #expect(try peers[0].receiveToEnd() == [])
            #expect(try peers[2].receive(1) == [UInt8(ascii: "x")])
        }
    }

    @Test("Kicking says whether there was such a client")
    func kick() throws {
        try withServer { server in
            let peer = try server.connect()
            #expect(try peer.exchange([0]) == [0])
            #expect(try server.onLoop { [$0.kick(1), $0.kick(2)] } == [true, false])
            #expect(try peer.receiveToEnd() == [])
            peer.close()
            #expect(try server.ended.first().reason == .kicked)
            #expect(try server.onLoop { $0.kick(1) } == false)
        }
    }

    @Test("A message of each client to all others reaches them all, once and in order")
    func chat() throws {
        try withServer(
            onMessage: { client, message in
                client.listener?.broadcast(message, to: .all(except: client))
            },
            body: { server in
                let peers = try (0..<8).map { _ in try server.connect() }
                try server.connected.wait(for: 8)
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
}

@Suite("Broadcasts in memory", .onPool, .timeLimit(.minutes(1)))
struct BroadcastInMemoryTests {
    @Test(
        "A client above its watermark after a broadcast is not read from, unless the options say so",
        arguments: [true, false])
    func held(holds: Bool) throws {
        var options = UVListenerOptions()
        options.connection.holdsAboveHighWatermark = holds
        var heard = 0
        let server = try MemoryServer(options: options) { _, _ in heard += 1 }
        let peer = try server.connect()
        peer.isReading = false
        #expect(server.listener.broadcast(pattern(1 << 20)).receivers == 1)
        server.network.run()
        peer.send("x")
        server.network.run()
        #expect(heard == (holds ? 0 : 1))
        peer.isReading = true
        server.network.run()
        #expect(heard == 1)
    }
}
