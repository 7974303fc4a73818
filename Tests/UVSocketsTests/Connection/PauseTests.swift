import Foundation
import Testing
import UVSockets

@Suite("Pausing", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct PauseTests {
    @Test("A paused peer is held back, and loses nothing when it is resumed")
    func holds() throws {
        let heard = Journal<Int>()
        try withServer(
            onMessage: { client, message in
                heard.append(message.count)
                client.send(message)
            },
            configure: { listener in
                listener.onConnected = { client in
                    client.pauseReceiving()
                    client.pauseReceiving()
                }
            },
            body: { server in
                let peer = try server.connect()
                let sent = try peer.sendUntilHeld()
                #expect(sent < 32 << 20)
                #expect(heard.entries.isEmpty)
                server.post { $0.clients.first?.resumeReceiving() }
                try expect(peer.receive(sent), are: repeating(pattern(1 << 16), count: sent))
                #expect(heard.entries.reduce(0, +) == sent)
            })
    }

    @Test("Paused in the handler, it gets one message at a time")
    func oneAtATime() throws {
        let heard = Journal<String>()
        try withServer(
            onMessage: { client, message in
                heard.append(String(message: message))
                client.pauseReceiving()
            },
            body: { server in
                let peer = try server.connect()
                for text in ["one", "two", "three"] {
                    try peer.send(text)
                    try heard.wait { $0.last == text }
                    try peer.send("+")
                    // The byte is there, and is not read: the loop has had turns to.
                    for _ in 0..<3 { _ = try server.onLoop { $0.clients.count } }
                    #expect(heard.entries.last == text)
                    server.post { $0.clients.first?.resumeReceiving() }
                    try heard.wait { $0.last == "+" }
                    server.post { $0.clients.first?.resumeReceiving() }
                }
                #expect(heard.entries == ["one", "+", "two", "+", "three", "+"])
            })
    }

    @Test("Paused and resumed in one handler, it goes on", arguments: [1, 5])
    func both(times: Int) throws {
        try withServer(
            onMessage: { client, message in
                for _ in 0..<times {
                    client.pauseReceiving()
                    client.resumeReceiving()
                }
                client.send(message)
            },
            body: { server in
                let peer = try server.connect()
                let message = pattern(1 << 20)
                try expect(peer.exchange(message), are: message)
            })
    }

    @Test("A paused connection that is closed ends when its peer does")
    func closed() throws {
        try withServer(
            onMessage: { client, message in
                client.pauseReceiving()
                client.send(message)
                client.close()
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                #expect(try peer.receiveToEnd() == [UInt8(ascii: "x")])
                peer.close()
                #expect(try server.ended.first().reason == .closed)
            })
    }
}
