import Testing
import UVSocketsTesting

@testable import UVSockets

@Suite("The limit of what is sent", .onPool, .timeLimit(.minutes(1)))
struct SendLimitTests {
    private static let framings: [UVFraming] = [
        .lines(maximumLength: 4), .delimiter("::".utf8, maximumLength: 4),
        .lengthPrefix(.bytes2, maximumLength: 4), .varint(maximumLength: 4),
        .netstring(maximumLength: 4), .codec(OtherCodec()),
    ]

    /// The lines of another codec, which the library does not know.
    private struct OtherCodec: FrameCodec {
        let lines = LineCodec(maximumLength: 4)
        var maximumLength: Int { lines.maximumLength }

        func firstFrame(
            in bytes: Span<UInt8>, memory: Int
        ) throws(FramingError) -> FrameSearch {
            try lines.firstFrame(in: bytes, memory: memory)
        }

        func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
            try lines.wrapper(of: payload)
        }
    }

    private static let refusal = UVSendResult.refused(
        .unsendable("11 bytes are more than the limit of 10"))

    @Test("It may be more than what is received", arguments: framings)
    func more(framing: UVFraming) throws {
        let (longest, tooLong) = ("x" * 10 as Wire, "x" * 11 as Wire)
        let server = try MemoryServer(framing: framing.sending(upTo: 10))
        let peer = try server.connect()
        let client = try server.client(1)
        #expect(client.send(tooLong.bytes) == Self.refusal)
        #expect(client.send(longest.bytes) == .taken)
        #expect(server.listener.broadcast(tooLong.bytes).receivers == 0)
        #expect(server.listener.broadcast(longest.bytes).receivers == 1)
        #expect(!server.listener.remote.post(tooLong.bytes))
        #expect(server.listener.remote.post(longest.bytes))
        // With a framing of its own, too.
        client.framing = client.framing
        #expect(client.framing.maximumSentLength == 10)
        #expect(client.send(tooLong.bytes) == Self.refusal)
        #expect(client.send(longest.bytes) == .taken)
        server.network.run()
        let frame = try Wire(framing: longest, by: framing.sending(upTo: 10))
        #expect(Wire(peer.take()) == frame * 4)
        peer.send(try Wire(framing: "x" * 5, by: framing.sending(upTo: 5)).bytes)
        server.network.run()
        peer.close()
        server.network.run()
        #expect(server.reasons == [.framing(.frameTooLong(limit: 4))])
    }

    @Test("It may be less, and more than the bytes that wait for a callback's end")
    func less() throws {
        var options = UVListenerOptions()
        options.connection.sendLimit = 1 << 20
        let server = try MemoryServer(
            framing: .lines(maximumLength: 1 << 20).sending(upTo: 1 << 17), options: options)
        let peer = try server.connect()
        peer.send(("x" * (1 << 17) as Wire).bytes + [10])
        server.network.run()
        #expect(peer.take().count == 1 << 17 + 1)
        peer.send(("x" * (1 << 17 + 1) as Wire).bytes + [10])
        server.network.run()
        #expect(peer.take() == [])
        #expect(peer.end == .open)
    }

    @Test("A connector that is not connected refuses what is too long, too")
    func connector() throws {
        let network = try UVTestNetwork()
        let connector = UVConnector(
            on: network.loop, to: "127.0.0.1:7000", framing: .lines.sending(upTo: 10)
        ) { _, _ in }
        let server = try network.listen(at: "127.0.0.1:7000")
        server.isSilent = true
        try connector.startConnect()
        #expect(connector.send(String(repeating: "x", count: 11)) == Self.refusal)
    }

    @Test("Without a framing nothing is refused, and a limit is a programmer error")
    func raw() async throws {
        #expect(UVFraming.raw.maximumSentLength == .max)
        #expect(try UVFraming.raw.wrapper(of: pattern(1 << 21).span) == FrameWrapper())
        await #expect(processExitsWith: .failure) { _ = UVFraming.raw.sending(upTo: 10) }
        await #expect(processExitsWith: .failure) { _ = UVFraming.lines.sending(upTo: 0) }
    }
}
