import Testing
import UVSocketsTesting

@testable import UVSockets

/// Every codec through a listener, with reads and writes cut wherever they can be.
@Suite("Framing in memory", .onPool, .timeLimit(.minutes(2)))
struct FramingInMemoryTests {
    private static func reason(_ end: WireEnd) -> UVEndReason {
        switch end {
        case .clean: .peerClosed
        case .truncated(let bytes): .framing(.truncated(bytes: bytes))
        case .error(let error): .framing(error)
        }
    }

    /// A server that writes down the frames of each of its clients, and checks how they ended.
    private final class Hearing {
        let server: MemoryServer
        private let row: WireCase
        private let heard: Heard

        final class Heard {
            var frames: [Wire] = []
        }

        init(_ row: WireCase) throws {
            let heard = Heard()
            server = try MemoryServer(framing: .codec(row.codec)) {
                heard.frames.append(Wire([UInt8](message: $1)))
            }
            self.heard = heard
            self.row = row
        }

        /// Checks that a client that sends the wire so is heard as the table says.
        func expectFrames(
            _ how: Comment, sourceLocation: SourceLocation = #_sourceLocation,
            _ send: (UVTestPeer) -> Void
        ) throws {
            heard.frames = []
            let peer = try server.connect()
            send(peer)
            peer.finish()
            server.network.run()
            // After an error the peer is waited for.
            peer.close()
            server.network.run()
            #expect(heard.frames == row.frames, how, sourceLocation: sourceLocation)
            #expect(
                server.reasons.last == FramingInMemoryTests.reason(row.end), how,
                sourceLocation: sourceLocation)
            #expect(server.listener.clients.isEmpty, how, sourceLocation: sourceLocation)
        }
    }

    @Test("It does not matter where a stream is cut into two reads", arguments: WireCase.all)
    func split(row: WireCase) throws {
        let hearing = try Hearing(row)
        for index in 0...row.wire.bytes.count {
            try hearing.expectFrames("cut at \(index)") { peer in
                for piece in row.wire.split(at: index) where !piece.isEmpty {
                    peer.send(piece, inPiecesOf: piece.count)
                }
            }
        }
    }

    @Test("Nor into how many reads of one size", arguments: WireCase.all)
    func pieces(row: WireCase) throws {
        let hearing = try Hearing(row)
        for size in [1, 2, 3, 7, 64] {
            try hearing.expectFrames("pieces of \(size)") { peer in
                peer.send(row.wire.bytes, inPiecesOf: size)
            }
        }
    }

    @Test("Nor into reads of random sizes, in buffers of random sizes", arguments: WireCase.all)
    func random(row: WireCase) throws {
        let hearing = try Hearing(row)
        for seed in UInt64(1)...8 {
            var random = SplitMix64(seed: seed)
            try hearing.expectFrames("seed \(seed)") { peer in
                var rest = row.wire.bytes[...]
                while !rest.isEmpty {
                    let count = Int.random(in: 1...min(rest.count, 40), using: &random)
                    peer.send(
                        Array(rest.prefix(count)),
                        inPiecesOf: Int.random(in: 1...count, using: &random))
                    rest = rest.dropFirst(count)
                    if Bool.random(using: &random) { hearing.server.network.run() }
                }
            }
        }
    }

    @Test("A task gets the same frames, and then the same end", arguments: WireCase.all)
    func tasks(row: WireCase) throws {
        let network = try UVTestNetwork()
        let (heard, ends) = (Journal<Wire>(), Journal<String>())
        let server = network.serve(framing: .codec(row.codec)) { client in
            do {
                for try await frame in client.messages { heard.append(Wire(frame)) }
                ends.append("clean")
            } catch {
                ends.append("\(error)")
            }
        }
        var expected: [Wire] = []
        for size in [1, 3, 1024] {
            let peer = try network.connect(to: server)
            peer.send(row.wire.bytes, inPiecesOf: size)
            peer.finish()
            network.run()
            peer.close()
            network.run()
            expected += row.frames
            #expect(heard.entries == expected, "pieces of \(size)")
            let end: String
            switch row.end {
            case .clean: end = "clean"
            case .truncated(let bytes): end = "\(FramingError.truncated(bytes: bytes))"
            case .error(let error): end = "\(error)"
            }
            #expect(ends.entries.last == end, "pieces of \(size)")
        }
    }

    @Test(
        "Whatever the kernel takes of each write, a client gets every frame whole",
        arguments: WireCase.all.filter { !$0.frames.isEmpty })
    func writes(row: WireCase) throws {
        let wire = try row.frames.flatMap { try Wire(framing: $0, by: row.codec).bytes }
        let server = try MemoryServer(framing: .codec(row.codec)) { $0.send($1) }
        for (number, longest) in [1, 2, 3, 7, 100].enumerated() {
            let peer = try server.connect()
            peer.longestWrite = longest
            peer.receiveBuffer = 3
            peer.sendBuffer = number * 5
            // In one turn, so that they are gathered.
            let client = try server.client(UInt64(number + 1))
            for frame in row.frames { client.send(frame.bytes) }
            server.network.run()
            try expect(peer.take(), are: wire)
            peer.send(wire, inPiecesOf: longest)
            peer.finish()
            server.network.run()
            try expect(peer.take(), are: wire)
            #expect(peer.end == .finished)
            #expect(server.reasons.last == .peerClosed)
        }
    }

    /// Sends each payload between the same ends; received is a frame for each byte.
    private struct EndsCodec: FrameCodec {
        let prefix: [UInt8]
        let suffix: [UInt8]
        var maximumLength: Int { 1024 }

        func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
            bytes.isEmpty
                ? .incomplete(needed: 1) : .frame(payload: 0..<1, end: 1)
        }

        func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
            FrameWrapper(prefix: FrameWrapper.Bytes(prefix), suffix: FrameWrapper.Bytes(suffix))
        }
    }

    @Test(
        "Messages sent together, more than are gathered, have just their ends around them",
        arguments: [0, 1, 7, 8, 9, 15, 16, 17, 23], [0, 1, 8, 9, 16, 17, 23])
    func gathered(prefix: Int, suffix: Int) throws {
        let codec = EndsCodec(
            prefix: (0..<UInt8(prefix)).map { 100 + $0 },
            suffix: (0..<UInt8(suffix)).map { 200 + $0 })
        let payloads = (0..<1000).map { pattern($0 % 41) }
        let server = try MemoryServer(framing: .codec(codec), options: .patient) { client, _ in
            for payload in payloads { client.send(payload) }
        }
        let peer = try server.connect()
        peer.send("x")
        peer.finish()
        server.network.run()
        try expect(peer.take(), are: payloads.flatMap { codec.prefix + $0 + codec.suffix })
        #expect(peer.end == .finished)
    }
}
