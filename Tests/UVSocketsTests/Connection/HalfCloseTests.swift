import Foundation
import Testing
import UVSockets

@Suite("Half-close", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct HalfCloseTests {
    @Test("All that a peer sent before it finished is answered", arguments: [1, 1000, 8 << 20])
    func answered(size: Int) throws {
        try withServer { server in
            let peer = try server.connect()
            let message = pattern(size)
            try expect(peer.exchange(message), are: message)
            try peer.send("last")
            try peer.finish()
            #expect(try peer.receiveToEnd() == Array("last".utf8))
            #expect(try server.ended.first().reason == .peerClosed)
        }
    }

    @Test("A peer that finishes while much is queued for it gets it all, then the end")
    func queued() throws {
        let reply = pattern(8 << 20)
        try withServer(
            onMessage: { client, _ in client.send(reply) },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                try peer.send("x")
                try peer.finish()
                try expect(peer.receiveToEnd(), are: reply)
                let end = try server.ended.first()
                #expect(end.reason == .peerClosed)
                #expect(Int(end.bytesSent) == reply.count)
            })
    }

    @Test("Where half-open is allowed, a peer that finished is answered until we finish, too")
    func halfOpen() throws {
        var options = UVListenerOptions()
        options.connection.allowsHalfOpen = true
        let finished = Journal<Void>()
        try withServer(
            options: options,
            configure: { listener in
                listener.onPeerFinished = { client in
                    #expect(client.isOpen)
                    finished.append(())
                }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.exchange([1]) == [1])
                try peer.finish()
                try finished.wait(for: 1)
                for number in 0..<3 {
                    server.post { $0.broadcast("later \(number)") }
                    #expect(try peer.receive(7) == Array("later \(number)".utf8))
                }
                #expect(server.ended.entries.isEmpty)
                server.post { listener in
                    for client in listener.clients { client.finish() }
                }
                #expect(try peer.receiveToEnd() == [])
                #expect(try server.ended.first().reason == .peerClosed)
                #expect(finished.entries.count == 1)
            })
    }

    @Test("After we have finished the peer is still heard, until it finishes")
    func weFinish() throws {
        let heard = Journal<[UInt8]>()
        try withServer(
            onMessage: { client, message in
                heard.append(Array(message: message))
                client.send("before the end")
                client.finish()
                client.finish()
                #expect(client.send("never") == .closed)
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("one")
                #expect(try peer.receiveToEnd() == Array("before the end".utf8))
                try peer.send("two")
                try heard.wait { $0.flatMap(\.self) == Array("onetwo".utf8) }
                #expect(server.ended.entries.isEmpty)
                try peer.finish()
                #expect(try server.ended.first().reason == .peerClosed)
            })
    }
}
