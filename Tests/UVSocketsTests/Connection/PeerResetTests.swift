import Foundation
import Testing
import UVSockets

@Suite("A peer that resets", .ownThreads, .timeLimit(.minutes(2)))
struct PeerResetTests {
    @Test("It is noticed while nothing happens")
    func idle() throws {
        try withServer { server in
            let peer = try server.connect()
            #expect(try peer.exchange([1]) == [1])
            try peer.reset()
            #expect(try server.ended.first().reason == .peerReset)
        }
    }

    @Test("It is noticed while its bytes come in")
    func receiving() throws {
        try withServer(
            onMessage: { _, _ in },
            body: { server in
                for count in 1...20 {
                    let peer = try server.connect()
                    try server.connected.wait(for: count)
                    try peer.send(pattern(1 << 16))
                    try peer.reset()
                }
                let ends = try server.ended.wait(for: 20)
                #expect(Set(ends.map(\.reason)) == [.peerReset])
            })
    }

    @Test("A reset that is found behind bytes is a reset, not an end, and the bytes are delivered")
    func behindBytes() throws {
        let heard = Journal<[UInt8]>()
        try withServer(
            onMessage: { _, message in heard.append(Array(message: message)) },
            body: { server in
                let peer = try server.connect()
                try server.connected.wait(for: 1)
                let isBusy = Journal<Void>()
                let go = Journal<Void>()
                server.post { _ in
                    isBusy.append(())
                    _ = try? go.first()
                }
                try isBusy.wait(for: 1)
                try peer.send("last words")
                try peer.reset()
                go.append(())
                #expect(try server.ended.first().reason == .peerReset)
                #expect(heard.entries.flatMap(\.self) == Array("last words".utf8))
            })
    }

    @Test("It is noticed while bytes wait to be sent to it, in the queue and above the watermark")
    func sending() throws {
        try withServer(
            onMessage: { client, _ in client.send(pattern(8 << 20)) },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                _ = try peer.receive(1)
                try peer.reset()
                let end = try server.ended.first()
                #expect(end.reason == .peerReset)
                #expect(end.bytesQueued > 0)
            })
    }

    @Test("It is noticed while it is held back because it does not read")
    func held() throws {
        try withServer { server in
            let peer = try server.connect()
            _ = try peer.sendUntilHeld()
            let queued = try server.onLoop { $0.clients.first?.bytesQueued ?? 0 }
            #expect(queued > 64 * 1024)
            try peer.reset()
            #expect(try server.ended.first().reason == .peerReset)
        }
    }

    @Test("It is noticed within about two seconds while receiving is paused")
    func paused() throws {
        let paused = Journal<Void>()
        try withServer(
            configure: { listener in
                listener.onConnected = { client in
                    client.pauseReceiving()
                    paused.append(())
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send(pattern(1 << 16))
                try paused.wait(for: 1)
                let start = ContinuousClock.now
                try peer.reset()
                #expect(try server.ended.first().reason == .peerReset)
                #expect(ContinuousClock.now - start < .seconds(4))
            })
    }

    @Test("What came from one that reset before it was accepted is handled")
    func beforeAccept() throws {
        let heard = Journal<[UInt8]>()
        try withServer(
            onMessage: { _, message in heard.append([UInt8](message: message)) },
            body: { server in
                try server.onLoop { listener in
                    // The kernel accepts it meanwhile.
                    let peer = try? RawPeer(to: listener.localEndpoint ?? listener.endpoint)
                    try? peer?.send("last words")
                    try? peer?.reset()
                }
                #expect(try server.ended.first().reason == .peerReset)
                #expect(heard.entries == [Array("last words".utf8)])
            })
    }

    @Test("A handler that pauses for a moment at each message gets all, though it can answer none")
    func pausesForMoments() throws {
        let heard = Journal<Void>()
        let (first, go) = (Journal<Void>(), Journal<Void>())
        try withServer(
            framing: .lines,
            onMessage: { client, _ in
                if heard.entries.isEmpty {
                    first.append(())
                    try? go.first()
                }
                heard.append(())
                client.send([UInt8](repeating: 0x78, count: 200))
                client.pauseReceiving()
                _ = try? client.loop.after(.milliseconds(1)) { client.resumeReceiving() }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send((0..<300).map { "\($0)\n" }.joined())
                // They are received before the reset is, which would take them out of the kernel.
                try first.first()
                try peer.reset()
                go.append(())
                #expect(try server.ended.first().reason == .peerReset)
                #expect(heard.entries.count == 300)
            })
    }

    @Test("Sending to it in that very moment harms nobody")
    func race() throws {
        try withServer { server in
            let other = try server.connect()
            #expect(try other.exchange([1]) == [1])
            for count in 1...50 {
                let peer = try server.connect()
                try server.connected.wait(for: 1 + count)
                try peer.send(pattern(1 << 14))
                try peer.reset()
                server.post { $0.broadcast(pattern(100)) }
                try expect(other.receive(100), are: pattern(100))
            }
            try server.ended.wait(for: 50)
        }
    }
}
