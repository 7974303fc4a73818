import Foundation
import Testing
import UVSockets

@Suite("Slow peers", .ownThreads, .onEachTransport, .timeLimit(.minutes(3)))
struct SlowPeerTests {
    /// The high watermark, and what one read may add to it.
    static let bound = 64 * 1024 + 64 * 1024

    @Test("8 MiB come back to a peer that reads slowly, and little of it is ever queued")
    func slow() throws {
        let queued = Journal<Int>()
        try withServer(
            onMessage: { client, message in
                client.send(message)
                queued.append(client.bytesQueued)
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: 2048)
                let message = pattern(8 << 20)
                let sent = Journal<Bool>()
                Thread.detachNewThread { sent.append((try? peer.send(message)) != nil) }
                var back: [UInt8] = []
                while back.count < message.count {
                    let some = try peer.receiveSome(8192)
                    try #require(!some.isEmpty)
                    back += some
                }
                try expect(back, are: message)
                #expect(try sent.first())
                #expect((queued.entries.max() ?? 0) <= Self.bound)
            })
    }

    @Test("A peer that never reads holds back itself and nobody else, and loses nothing")
    func never() throws {
        try withServer { server in
            let silent = try server.connect()
            let sent = try silent.sendUntilHeld()
            let queued = try server.onLoop { $0.clients.first?.bytesQueued ?? 0 }
            #expect(queued > 64 * 1024)
            #expect(queued <= Self.bound)

            let other = try server.connect()
            let message = pattern(1 << 20)
            try expect(other.exchange(message), are: message)
            #expect(!silent.poll(POLLOUT, seconds: 0))

            try silent.finish()
            try expect(silent.receiveToEnd(), are: repeating(pattern(1 << 16), count: sent))
        }
    }

    @Test("Without holding, a peer is heard however much is queued for it")
    func notHeld() throws {
        var options = UVListenerOptions()
        options.connection.holdsAboveHighWatermark = false
        let heard = Journal<Int>()
        try withServer(
            options: options,
            onMessage: { client, message in
                heard.append(message.count)
                client.send(message)
            },
            body: { server in
                let peer = try server.connect()
                try peer.send(pattern(10 << 20))
                try heard.wait { $0.reduce(0, +) == 10 << 20 }
                let queued = try server.onLoop { $0.clients.first?.bytesQueued ?? 0 }
                #expect(queued > Self.bound)
            })
    }

    @Test("Passing the send limit ends a slow receiver; the others get everything")
    func sendLimit() throws {
        var options = UVListenerOptions()
        options.connection.sendLimit = 1 << 20
        try withServer(options: options) { server in
            let slow = try server.connect()
            try server.connected.wait(for: 1)
            let good = try server.connect()
            try server.connected.wait(for: 2)
            let message = pattern(1 << 16)
            for _ in 0..<2000 where server.ended.entries.isEmpty {
                server.post { $0.broadcast(message) }
                try expect(good.receive(message.count), are: message)
            }
            let end = try server.ended.first()
            #expect(end.id == 1)
            #expect(end.reason == .slowReceiver)
            #expect(end.bytesQueued > 1 << 20)
            #expect(end.bytesQueued <= 1 << 20 + message.count)
            #expect(try good.exchange([1, 2]) == [1, 2])
            if Transport.current.hasResets {
                #expect(throws: SocketError.self) { try slow.receiveToEnd() }
            }
        }
    }

    @Test("send tells to stop above the high watermark, and onDrained to go on below the low one")
    func watermarks() throws {
        var options = UVListenerOptions()
        options.connection.highWatermark = 256 * 1024
        options.connection.lowWatermark = 32 * 1024
        let drained = Journal<Int>()
        let refused = Journal<Int>()
        try withServer(
            options: options,
            onMessage: { client, message in
                guard String(message: message) == "x" else {
                    client.send(message)
                    return
                }
                while client.send([UInt8](repeating: 0, count: 1 << 16)) == .taken {}
                refused.append(client.bytesQueued)
            },
            configure: { $0.onDrained = { drained.append($0.bytesQueued) } },
            body: { server in
                let peer = try server.connect()
                for round in 1...3 {
                    try peer.send("x")
                    let queued = try refused.wait(for: round)[round - 1]
                    #expect(queued > 256 * 1024)
                    #expect(queued <= 256 * 1024 + 1 << 16)
                    #expect(drained.entries.count == round - 1)
                    // Not heard before the queue has drained.
                    try peer.send("y")
                    while try peer.receiveSome().last != UInt8(ascii: "y") {}
                    #expect(drained.entries.count == round)
                }
                #expect(drained.entries.allSatisfy { $0 <= 32 * 1024 })
            })
    }
}
