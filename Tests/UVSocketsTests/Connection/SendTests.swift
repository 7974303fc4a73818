import Foundation
import Testing
import UVSockets

@Suite("Sending", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct SendTests {
    @Test("Whatever is sent in whatever way in one handler arrives in order", arguments: 0..<12)
    func order(seed: UInt64) throws {
        let seed = seed + 1
        try withServer(
            onMessage: { client, message in
                for (kind, bytes) in Self.pieces(seed, of: Array(message: message)) {
                    switch kind {
                    case .array: client.send(bytes)
                    case .broadcast: client.listener?.broadcast(bytes)
                    case .received(let range): client.send(message.extracting(range))
                    case .text: client.send(String(decoding: bytes, as: UTF8.self))
                    }
                }
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: seed % 2 == 0 ? 4096 : nil)
                let message = pattern(200, seed: seed)
                let expected = Self.pieces(seed, of: message).flatMap(\.1)
                for _ in 0..<3 {
                    try peer.send(message)
                    try expect(peer.receive(expected.count), are: expected)
                }
            })
    }

    enum Kind {
        case array, broadcast, text
        case received(Range<Int>)
    }

    /// Forty sends of all kinds and sizes, the same for the same seed.
    static func pieces(_ seed: UInt64, of message: [UInt8]) -> [(Kind, [UInt8])] {
        let choices = pattern(160, seed: seed &+ 99)
        return (0..<40).map { index in
            let choice = choices[(index * 4)..<(index * 4 + 4)].map(Int.init)
            let size = [0, 1, 17, 300, 5000, 16 * 1024, 20_000, 150_000][choice[1] % 8]
            switch choice[0] % 8 {
            case 0, 1, 2: return (.array, pattern(size, seed: UInt64(index)))
            case 3: return (.broadcast, pattern(size, seed: UInt64(index)))
            case 4: return (.text, Array(repeating: UInt8(ascii: "t"), count: size))
            default:
                let start = choice[2] % message.count
                let end = start + choice[3] % (message.count - start + 1)
                return (.received(start..<end), Array(message[start..<end]))
            }
        }
    }

    @Test("Sixteen sends in a handler leave together, those of a broadcast among them, too")
    func together() throws {
        try withServer(
            onMessage: { client, _ in
                for number in 0..<16 { client.send(pattern(10, seed: UInt64(number))) }
            },
            body: { server in
                let expected = (0..<16).flatMap { pattern(10, seed: UInt64($0)) }
                let peer = try server.connect()
                for _ in 0..<20 {
                    try peer.send("x")
                    try #require(peer.poll(POLLIN))
                    try expect(peer.receiveSome(), are: expected)
                }
                // As it is outside of a receive callback.
                for _ in 0..<20 {
                    server.post { listener in
                        for number in 0..<16 {
                            listener.broadcast(pattern(10, seed: UInt64(number)))
                        }
                    }
                    try #require(peer.poll(POLLIN))
                    try expect(peer.receiveSome(), are: expected)
                }
            })
    }

    @Test("Many small parts of what came in are sent back in their new order")
    func reversed() throws {
        try withServer(
            onMessage: { client, message in
                for index in message.indices.reversed() {
                    client.send(message.extracting(index..<index + 1))
                }
            },
            body: { server in
                let peer = try server.connect()
                for size in [2, 63, 64, 65, 128, 1000] {
                    let message = pattern(size)
                    try peer.send(message)
                    try expect(peer.receive(size), are: message.reversed())
                }
            })
    }

    @Test("A thousand small sends in one handler, more than are gathered, all arrive")
    func many() throws {
        try withServer(
            onMessage: { client, _ in
                for number in 0..<1000 { client.send(pattern(40, seed: UInt64(number))) }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                let expected = (0..<1000).flatMap { pattern(40, seed: UInt64($0)) }
                try expect(peer.receive(expected.count), are: expected)
            })
    }

    @Test(
        "What one client's handler sends to another arrives, behind what that one was sent before")
    func toAnother() throws {
        try withServer(
            onMessage: { client, message in
                for other in client.listener?.clients ?? [] where other !== client {
                    other.send("<")
                    other.send(message)
                    client.send("-")
                    other.send(">")
                }
            },
            body: { server in
                let one = try server.connect()
                let two = try server.connect()
                try server.connected.wait(for: 2)
                try one.send("hello")
                #expect(try two.receive(7) == Array("<hello>".utf8))
                #expect(try one.receive(1) == [UInt8(ascii: "-")])
            })
    }

    @Test("Sent as it connects, it comes before any answer")
    func greeting() throws {
        try withServer(
            configure: { $0.onConnected = { $0.send("welcome\n") } },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                #expect(try peer.receive(9) == Array("welcome\nx".utf8))
            })
    }

    @Test(
        "Outside of callbacks, from timers and mailboxes, it leaves as well",
        arguments: [1, 1 << 20])
    func fromTimer(size: Int) throws {
        try withServer { server in
            let peer = try server.connect()
            try server.connected.wait(for: 1)
            server.post { listener in
                _ = try? listener.loop.after(.milliseconds(1)) {
                    listener.broadcast(pattern(size))
                    listener.clients.first?.send(pattern(size))
                }
            }
            try expect(peer.receive(2 * size), are: pattern(size) + pattern(size))
        }
    }
}
