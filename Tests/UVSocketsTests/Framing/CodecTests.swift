import Testing
import UVSocketsTesting

@testable import UVSockets

@Suite("Codecs", .ownThreads)
struct CodecTests {
    @Test(
        "A stream gives the frames and the end in the table, wherever it is cut",
        arguments: WireCase.all)
    func stream(row: WireCase) throws {
        let codec = UVTestCodec(row.codec)
        let payloads = row.frames.map(\.bytes)
        switch row.end {
        case .clean: try codec.check(row.wire.bytes, gives: payloads)
        case .truncated(let rest):
            try codec.check(row.wire.bytes, gives: payloads, leaving: rest)
        case .error(let error): try codec.check(row.wire.bytes, gives: payloads, error: error)
        }
    }

    @Test("What was received can be sent, and arrives as it was", arguments: WireCase.all)
    func sentAgain(row: WireCase) throws {
        try UVTestCodec(row.codec).check(payloads: row.frames.map(\.bytes))
    }

    @Test("A row's number is its own")
    func numbers() {
        #expect(Set(WireCase.all.map(\.number)).count == WireCase.all.count)
    }
}

@Suite("Frame limits", .ownThreads)
struct FrameLimitTests {
    static let mebibyte = 1 << 20
    /// Each codec with the default limit, and the same with a limit beyond it.
    static let codecs: [(any FrameCodec, any FrameCodec)] = [
        (LineCodec(), LineCodec(maximumLength: 1 << 21)),
        (LineCodec(ending: .crlf), LineCodec(ending: .crlf, maximumLength: 1 << 21)),
        (DelimiterCodec("end".utf8), DelimiterCodec("end".utf8, maximumLength: 1 << 21)),
        (LengthPrefixCodec(.bytes4), LengthPrefixCodec(.bytes4, maximumLength: 1 << 21)),
        (VarintPrefixCodec(), VarintPrefixCodec(maximumLength: 1 << 21)),
        (NetstringCodec(), NetstringCodec(maximumLength: 1 << 21)),
    ]

    @Test("Without being told, a codec takes 1 MiB and no byte more", arguments: codecs)
    func standard(codec: any FrameCodec, beyond: any FrameCodec) throws {
        #expect(codec.maximumLength == Self.mebibyte)
        let payload = "x" * Self.mebibyte as Wire
        let sent = try Wire(framing: payload, by: codec)
        #expect(Divided(sent.pieces(of: 65_536), codec).frames == [payload])

        let longer = try Wire(framing: payload + "x", by: beyond)
        let error = WireEnd.error(.frameTooLong(limit: Self.mebibyte))
        #expect(Divided(longer.pieces(of: 65_536), codec).end == error)
        #expect(throws: FramingError.self) { try Wire(framing: payload + "x", by: codec) }
    }

    @Test("A limit beyond what a width can say is lowered to that")
    func expressible() {
        #expect(LengthPrefixCodec(.bytes1).maximumLength == 255)
        #expect(LengthPrefixCodec(.bytes1, countsItself: true).maximumLength == 254)
        #expect(LengthPrefixCodec(.bytes2).maximumLength == 65_535)
        #expect(LengthPrefixCodec(.bytes2, countsItself: true).maximumLength == 65_533)
        #expect(LengthPrefixCodec(.bytes4).maximumLength == Self.mebibyte)
        #expect(LengthPrefixCodec(.bytes1, adjustment: 6).maximumLength == 261)
        #expect(LengthPrefixCodec(.bytes1, offset: 4).maximumLength == 260)
        #expect(LengthPrefixCodec(.bytes1, offset: 4, adjustment: -5).maximumLength == 255)
        let greatest = LengthPrefixCodec(
            .bytes8, offset: 4, adjustment: 1 << 16, maximumLength: .max / 2)
        #expect(greatest.maximumLength == .max / 2)
    }

    @Test("What cannot be is refused when the codec is made")
    func refused() async {
        await #expect(processExitsWith: .failure) { _ = LineCodec(maximumLength: 0) }
        await #expect(processExitsWith: .failure) { _ = NetstringCodec(maximumLength: .max) }
        await #expect(processExitsWith: .failure) { _ = FixedLengthCodec(0) }
        await #expect(processExitsWith: .failure) { _ = DelimiterCodec([]) }
        await #expect(processExitsWith: .failure) { _ = LengthPrefixCodec(.bytes2, offset: -1) }
        await #expect(processExitsWith: .failure) {
            _ = LengthPrefixCodec(.bytes1, adjustment: -255)
        }
        await #expect(processExitsWith: .failure) {
            _ = LengthPrefixCodec(.bytes2, offset: 4, maximumLength: 5)
        }
        await #expect(processExitsWith: .failure) {
            _ = LengthPrefixCodec(.bytes3, adjustment: 6, maximumLength: 5)
        }
        await #expect(processExitsWith: .failure) { _ = DelimiterCodec("12345678901234567".utf8) }
    }
}
