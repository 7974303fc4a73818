import Foundation
import Testing
import UVSockets

@Suite("Echo", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct EchoTests {
    @Test("A message comes back as it was sent, and is counted")
    func comesBack() throws {
        try withServer { server in
            let peer = try server.connect()
            try peer.send("hello")
            #expect(try peer.receive(5) == Array("hello".utf8))
            try peer.finish()
            #expect(try peer.receiveToEnd() == [])
            let end = try server.ended.first()
            #expect(end.reason == .peerClosed)
            #expect(end.bytesReceived == 5)
            #expect(end.bytesSent == 5)
            #expect(end.bytesQueued == 0)
        }
    }

    @Test("A message comes back whole, wherever it was split")
    func splits() throws {
        let message = pattern(48)
        try withServer { server in
            let peer = try server.connect()
            for split in 0...message.count {
                try peer.send(Array(message[..<split]))
                // When the first part is back, it was read on its own.
                try #require(try peer.receive(split) == Array(message[..<split]))
                try peer.send(Array(message[split...]))
                try #require(try peer.receive(message.count - split) == Array(message[split...]))
            }
        }
    }

    @Test("A thousand clients are answered at once, each with its own")
    func thousand() throws {
        try withServer { server in
            let peers = try (0..<1000).map { number in
                try server.connect(
                    from: Transport.current == .tcp ? "127.0.7.\(number / 10 + 1)" : nil)
            }
            for (number, peer) in peers.enumerated() {
                try peer.send(pattern(300, seed: UInt64(number)))
            }
            for (number, peer) in peers.enumerated() {
                try expect(peer.receive(300), are: pattern(300, seed: UInt64(number)))
            }
            #expect(server.connected.entries == Array(1...1000))
            #expect(try server.onLoop { $0.clients.count } == 1000)
        }
    }

    @Test("A client has its number, its addresses, its listener and what was put on it", .tcpOnly)
    func properties() throws {
        final class Token: Sendable {
            let text = "token"
        }
        let seen = Journal<String>()
        try withServer(
            onMessage: { client, message in
                guard let token = client.userToken as? Token else { return }
                let isFound = client.listener?.client(client.id) === client
                seen.append("\(client.id) \(client.peer) \(token.text) \(isFound)")
                seen.append("\(client.localEndpoint.map(\.description) ?? "none")")
                seen.append("\(client.isOpen) \(client.age >= .zero)")
                client.send(message)
            },
            configure: { $0.onConnected = { $0.userToken = Token() } },
            body: { server in
                let peer = try server.connect(from: "127.0.0.9")
                try peer.send("x")
                #expect(try peer.receive(1) == [UInt8(ascii: "x")])
                #expect(
                    seen.entries == [
                        "1 \(peer.local) token true", "\(server.endpoint)", "true true",
                    ])
                #expect(peer.local.host == "127.0.0.9")
            })
    }

    @Test("What a client held is let go when it has ended")
    func freed() throws {
        let freed = Journal<Void>()
        try withServer(
            configure: { $0.onConnected = { $0.userToken = Token(freed) } },
            body: { server in
                for _ in 0..<50 {
                    let peer = try server.connect()
                    #expect(try peer.exchange([1, 2, 3]) == [1, 2, 3])
                }
                try freed.wait(for: 50)
            })
    }

    @Test("Both ends' options are set on a client's socket", .tcpOnly, arguments: [true, false])
    func options(isOn: Bool) throws {
        var options = UVListenerOptions()
        options.connection.noDelay = isOn
        options.connection.keepAlive =
            isOn ? UVKeepAlive(idle: .seconds(7), interval: .seconds(3), count: 2) : nil
        try withServer(options: options) { server in
            let peer = try server.connect()
            #expect(try peer.exchange([1]) == [1])
            // The server's end is in this process, too.
            let client = RawSocket.sockets.first { descriptor in
                RawSocket.peerPort(of: descriptor) == peer.local.port
                    && descriptor != peer.descriptor
            }
            let descriptor = try #require(client)
            let tcp = Int32(IPPROTO_TCP)
            #expect((RawSocket.option(descriptor, tcp, TCP_NODELAY) != 0) == isOn)
            #expect((RawSocket.option(descriptor, SOL_SOCKET, SO_KEEPALIVE) != 0) == isOn)
            if isOn {
                #expect(RawSocket.option(descriptor, tcp, TCP_KEEPIDLE) == 7)
                #expect(RawSocket.option(descriptor, tcp, TCP_KEEPINTVL) == 3)
                #expect(RawSocket.option(descriptor, tcp, TCP_KEEPCNT) == 2)
            }
        }
    }
}
