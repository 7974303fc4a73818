import Testing

@testable import UVSockets

@Suite("Framed connections", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct FramedConnectionTests {
    /// The wire whole, in two pieces, and byte by byte where it is short.
    private static func divisions(_ wire: Wire) -> [[[UInt8]]] {
        let bytes = wire.bytes
        let halves = [Array(bytes[..<(bytes.count / 2)]), Array(bytes[(bytes.count / 2)...])]
        return [[bytes], halves] + (bytes.count <= 64 ? [bytes.map { [$0] }] : [])
    }

    private static func reason(_ end: WireEnd) -> UVEndReason {
        switch end {
        case .clean: .peerClosed
        case .truncated(let bytes): .framing(.truncated(bytes: bytes))
        case .error(let error): .framing(error)
        }
    }

    @Test("A server's handler gets just the frames of the wire", arguments: WireCase.all)
    func server(row: WireCase) throws {
        let heard = Journal<Wire>()
        let hear: MessageHandler = { heard.append(Wire([UInt8](message: $1))) }
        try withServer(framing: .codec(row.codec), onMessage: hear) { server in
            for (number, pieces) in Self.divisions(row.wire).enumerated() {
                let peer = try server.connect()
                for piece in pieces where !piece.isEmpty { try peer.send(piece) }
                try peer.finish()
                let end = try server.ended.wait(for: number + 1)[number]
                #expect(end.reason == Self.reason(row.end))
                #expect(
                    heard.entries == Array(repeating: row.frames, count: number + 1).flatMap { $0 })
            }
        }
    }

    @Test(
        "A part of a message that came is sent between its own ends, whatever stands around it",
        arguments: ["\n", "<->", "<--------->"])
    func parts(end: String) throws {
        let framing: UVFraming = end == "\n" ? .lines : .delimiter(end.utf8)
        let send: MessageHandler = { client, message in
            for range in [1..<4, 0..<5, 0..<message.count, 0..<0] {
                client.send(message.extracting(range))
            }
        }
        try withServer(framing: framing, onMessage: send) { server in
            let peer = try server.connect()
            // Behind the first five bytes stands all of an end but its last byte.
            let messages = ["abcde" + end.dropLast() + "f", "longer"]
            try peer.send(messages.map { $0 + end }.joined())
            try peer.finish()
            let parts = ["bcd", "abcde", messages[0], "", "ong", "longe", "longer", ""]
            try expect(peer.receiveToEnd(), are: Array(parts.map { $0 + end }.joined().utf8))
        }
    }

    /// Finds a frame where none is.
    private struct WrongCodec: FrameCodec {
        let payload: Range<Int>
        let end: Int
        var maximumLength: Int { 1024 }

        func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
            bytes.isEmpty
                ? .incomplete(needed: 1) : .frame(payload: payload, end: end)
        }

        func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
            FrameWrapper()
        }
    }

    @Test(
        "A codec that finds an empty frame, or one beyond the bytes, traps and says so", .tcpOnly,
        arguments: [false, true], [0, 1, 2])
    func wrong(isTaken: Bool, row: Int) async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) { [isTaken, row] in
            let codec = [
                WrongCodec(payload: 0..<0, end: 0), WrongCodec(payload: 0..<1, end: 9),
                WrongCodec(payload: 0..<9, end: 1),
            ][row]
            if isTaken {
                try await withTaskServer(
                    framing: .codec(codec), handler: { for try await _ in $0.messages {} },
                    body: { try Self.provoke($0.connect()) })
            } else {
                try withServer(framing: .codec(codec), onMessage: { _, _ in }) { server in
                    try Self.provoke(server.connect())
                }
            }
        }
        #expect(result.said("the codec returned a frame that is empty or lies outside the bytes"))
    }

    private static func provoke(_ peer: RawPeer) throws {
        try peer.send("abc")
        _ = try peer.receiveToEnd()
    }

    @Test("A client's handler gets just the frames of the wire", arguments: WireCase.all)
    func client(row: WireCase) throws {
        let heard = Journal<Wire>()
        let ended = Journal<UVEndReason>()
        try withLoop({ loop in
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            listener.onConnected = { client in
                client.send(row.wire.bytes)
                client.finish()
            }
            try listener.startAccept()
            guard let endpoint = listener.localEndpoint else { return }
            func connect(_ framing: UVFraming) -> UVConnector {
                UVConnector(on: loop, to: endpoint, framing: framing) { _, message in
                    heard.append(Wire([UInt8](message: message)))
                }
            }
            let connector = connect(.codec(row.codec))
            connector.onDisconnected = { _, reason in
                ended.append(reason)
                listener.stop()
            }
            try connector.startConnect()
        })
        #expect(ended.entries == [Self.reason(row.end)])
        #expect(heard.entries == row.frames)
    }

    @Test("A frame that a reset cuts off is no message", .tcpOnly)
    func reset() throws {
        let heard = Journal<String>()
        let hear: MessageHandler = { heard.append(String(message: $1)) }
        try withServer(framing: .lines, onMessage: hear) { server in
            let peer = try server.connect()
            try peer.send("whole\npart")
            try heard.wait(for: 1)
            try peer.reset()
            #expect(try server.ended.first().reason == .peerReset)
            #expect(heard.entries == ["whole"])
        }
    }

    @Test("Sixteen pipelined lines are answered by one write, as they came")
    func pipelined() throws {
        try withServer(framing: .lines) { server in
            let peer = try server.connect()
            let lines = (0..<16).map { "line \($0)\n" }.joined()
            for _ in 0..<20 {
                try peer.send(lines)
                try #require(peer.poll())
                #expect(try peer.receiveSome() == Array(lines.utf8))
            }
        }
    }

    @Test("A message is framed in every way it can be sent: short, long, new, to all")
    func sent() throws {
        let long = String(repeating: "x", count: 100_000)
        let answer: MessageHandler = { client, message in
            client.send("short")
            client.send(long)
            client.send(message)
            client.send("")
            client.listener?.broadcast("to all")
            client.send("last")
        }
        try withServer(framing: .netstring, onMessage: answer) { server in
            let peer = try server.connect()
            try peer.send("5:hello,")
            let wire = "5:short,100000:\(long),5:hello,0:,6:to all,4:last,"
            #expect(try peer.receive(wire.utf8.count) == Array(wire.utf8))
        }
    }

    @Test("What cannot be one frame is refused, and nothing of it is sent")
    func refused() throws {
        let results = Journal<UVSendResult>()
        let answer: MessageHandler = { client, message in
            results.append(client.send("two\nlines"))
            results.append(client.send(message))
        }
        try withServer(framing: .lines, onMessage: answer) { server in
            let peer = try server.connect()
            try peer.send("one\n")
            #expect(try peer.receive(4) == Array("one\n".utf8))
            #expect(
                results.entries == [
                    .refused(.unsendable("the payload contains a line feed")), .taken,
                ])
        }
    }

    @Test("After a handshake line the framing changes, and no byte that came early is lost")
    func changed() throws {
        let heard = Journal<String>()
        let hear: MessageHandler = { client, message in
            heard.append(String(message: message))
            if heard.entries.count == 1 { client.framing = .lengthPrefix(.bytes1) }
            if heard.entries.count == 3 { client.framing = .raw }
            client.send("ok")
        }
        let wire = Wire("hello\n\u{3}one\u{3}tworaw\nbytes")
        try withServer(framing: .lines, onMessage: hear) { server in
            let peer = try server.connect()
            try peer.send(wire.bytes)
            #expect(try peer.receive(10) == Wire("\u{2}ok\u{2}okokok").bytes)
            #expect(heard.entries == ["hello", "one", "two", "raw\nbytes"])
        }
    }

    @Test("Changed from elsewhere, the framing also holds for bytes that wait for their end")
    func changedOutside() throws {
        let heard = Journal<String>()
        let hear: MessageHandler = { heard.append(String(message: $1)) }
        try withServer(framing: .lines, onMessage: hear) { server in
            let peer = try server.connect()
            try peer.send("one\n3:two,3:thr")
            try heard.wait(for: 1)
            try server.onLoop { $0.client(1)?.framing = .netstring }
            #expect(try heard.wait(for: 2) == ["one", "two"])
            try server.onLoop { $0.client(1)?.framing = .raw }
            #expect(try heard.wait(for: 3) == ["one", "two", "3:thr"])
        }
    }

    @Test("A client of its own framing gets a broadcast framed in its own way")
    func ownFraming() throws {
        try withServer(
            framing: .lines,
            configure: { listener in
                listener.onConnected = { if $0.id == 2 { $0.framing = .netstring } }
            }
        ) { server in
            let peers = [try server.connect(), try server.connect()]
            try server.connected.wait(for: 2)
            #expect(try server.onLoop { $0.broadcast("news").receivers } == 2)
            #expect(try peers[0].receive(5) == Array("news\n".utf8))
            #expect(try peers[1].receive(7) == Array("4:news,".utf8))
        }
    }

    @Test("A pause holds from the next message, also of those that have come, and ends in order")
    func paused() throws {
        let heard = Journal<String>()
        let hear: MessageHandler = { client, message in
            heard.append(String(message: message))
            client.pauseReceiving()
        }
        try withServer(framing: .lines, onMessage: hear) { server in
            let peer = try server.connect()
            try peer.send("1\n2\n3\n4")
            for count in 1...3 {
                try heard.wait(for: count)
                // The handler is not called again until it is resumed: not in these turns either.
                for _ in 0..<3 { _ = try server.onLoop { $0.clients.count } }
                #expect(heard.entries == (1...count).map(String.init))
                try server.onLoop { $0.client(1)?.resumeReceiving() }
            }
            try peer.send("\n")
            #expect(try heard.wait(for: 4) == ["1", "2", "3", "4"])
        }
    }

    @Test("Requests that have come wait while their client does not read the replies")
    func held() throws {
        let reply = [UInt8](repeating: 0x61, count: 1 << 18)
        let heard = Journal<Int>()
        let answer: MessageHandler = { client, _ in
            client.send(reply)
            heard.append(client.bytesQueued)
        }
        try withServer(framing: .lines, onMessage: answer) { server in
            let peer = try server.connect(receiveBuffer: 4096)
            let requests = 60
            try peer.send(String(repeating: "more\n", count: requests))
            try heard.wait { $0.last ?? 0 > 0 }
            for _ in 0..<3 { _ = try server.onLoop { $0.clients.count } }
            #expect(heard.entries.count < requests)
            #expect(heard.entries.allSatisfy { $0 <= (64 << 10) + reply.count + 8 })
            let all = requests * (reply.count + 1)
            #expect(try peer.receive(all).count == all)
            #expect(heard.entries.count == requests)
        }
    }
}
