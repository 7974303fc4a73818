import Testing
import UVSocketsTesting

@testable import UVSockets

/// What is sent arrives whole and in order, however little the kernel takes, and whoever reads when.
@Suite("Partial writes", .onPool, .timeLimit(.minutes(2)))
struct PartialWriteTests {
    @Test("What comes back is what was sent, whatever the buffers", arguments: UInt64(1)...30)
    func echoes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let server = try MemoryServer(options: .patient)
        let peer = try server.connect()
        Self.shrink(peer, &random)
        var sent: [UInt8] = []
        for _ in 0..<20 {
            let bytes = pattern(Int.random(in: 1...4000, using: &random), seed: random.next())
            peer.send(bytes, inPiecesOf: Int.random(in: 1...bytes.count, using: &random))
            sent += bytes
            peer.isReading = Bool.random(using: &random)
            server.network.run()
            peer.read(Int.random(in: 0...2000, using: &random))
        }
        peer.isReading = true
        peer.finish()
        server.network.run()
        try expect(peer.take(), are: sent)
        #expect(server.reasons == [.peerClosed])
    }

    @Test("Whatever is sent in whatever way arrives in order", arguments: UInt64(1)...12)
    func order(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let server = try MemoryServer(options: .patient) { client, message in
            for (kind, bytes) in SendTests.pieces(seed, of: Array(message: message)) {
                switch kind {
                case .array: client.send(bytes)
                case .broadcast: client.listener?.broadcast(bytes)
                case .received(let range): client.send(message.extracting(range))
                case .text: client.send(String(decoding: bytes, as: UTF8.self))
                }
            }
        }
        let peer = try server.connect()
        peer.longestWrite = Int.random(in: 1000...100_000, using: &random)
        peer.sendBuffer = Int.random(in: 1000...100_000, using: &random)
        let message = pattern(200, seed: seed)
        peer.send(message)
        server.network.run()
        try expect(peer.take(), are: SendTests.pieces(seed, of: message).flatMap(\.1))
    }

    @Test(
        "Each of many clients gets every broadcast, however fast it is", arguments: UInt64(1)...10)
    func broadcasts(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let server = try MemoryServer(framing: .lengthPrefix(.bytes2), options: .patient)
        let peers = try (0..<10).map { _ in try server.connect() }
        for peer in peers { Self.shrink(peer, &random) }
        var expected: [UInt8] = []
        for number in 0..<50 {
            let message = pattern(Int.random(in: 0...500, using: &random), seed: UInt64(number))
            let receipt = server.listener.broadcast(message)
            #expect(receipt.receivers == peers.count)
            expected += [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
            let peer = peers.randomElement(using: &random)
            peer?.isReading.toggle()
            if Bool.random(using: &random) { server.network.run() }
        }
        for peer in peers { peer.isReading = true }
        server.network.run()
        for peer in peers { try expect(peer.take(), are: expected) }
    }

    @Test("send tells to stop above the high watermark, and onDrained to go on below the low one")
    func watermarks() throws {
        var options = UVListenerOptions.patient
        options.connection.highWatermark = 2000
        options.connection.lowWatermark = 500
        let server = try MemoryServer(options: options)
        var drained: [Int] = []
        server.listener.onDrained = { drained.append($0.bytesQueued) }
        let peer = try server.connect()
        peer.isReading = false
        peer.receiveBuffer = 0
        peer.sendBuffer = 100
        let client = try server.client(1)
        for round in 1...3 {
            // The kernel takes 100 bytes of it.
            var sent = 0
            var result = UVSendResult.taken
            while result == .taken {
                result = client.send([UInt8](repeating: 1, count: 50))
                sent += 50
            }
            #expect(result == .takenButFull)
            #expect(client.bytesQueued > 2000 && client.bytesQueued <= 2050)
            server.network.run()
            // One byte after the other, until it is told.
            while drained.count < round, sent > 0 {
                peer.read(1)
                sent -= 1
                server.network.run()
            }
            #expect(drained.last ?? .max <= 500)
            peer.isReading = true
            server.network.run()
            peer.isReading = false
            server.network.run()
        }
        #expect(drained.count == 3)
    }

    @Test("Passing the send limit ends a slow receiver, to the byte; the others get everything")
    func sendLimit() throws {
        var options = UVListenerOptions.patient
        options.connection.sendLimit = 100_000
        let server = try MemoryServer(options: options)
        let slow = try server.connect()
        slow.isReading = false
        let good = try server.connect()
        // What two kernels hold, and what may be queued.
        let limit = 2 * 64 * 1024 + 100_000
        let message = pattern(1000)
        for _ in 0...limit / 1000 {
            server.listener.broadcast(message)
            server.network.run()
            try expect(good.take(), are: message)
        }
        #expect(server.reasons == [])
        let receipt = server.listener.broadcast(message)
        #expect(receipt.disconnected == [1])
        server.network.run()
        try expect(good.take(), are: message)
        #expect(server.reasons == [.slowReceiver])
        #expect(slow.end == .reset)
    }

    private static func shrink(_ peer: UVTestPeer, _ random: inout SplitMix64) {
        peer.longestWrite = Int.random(in: 1...200, using: &random)
        peer.sendBuffer = Int.random(in: 0...300, using: &random)
        peer.receiveBuffer = Int.random(in: 1...300, using: &random)
    }
}
