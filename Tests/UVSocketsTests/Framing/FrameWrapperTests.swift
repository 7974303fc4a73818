import Testing

@testable import UVSockets

@Suite("FrameWrapper", .ownThreads)
struct FrameWrapperTests {
    @Test(
        "A payload is written with the ends of its codec",
        arguments: [
            (LineCodec(), "one", "one\n"),
            (LineCodec(), "", "\n"),
            (LineCodec(), "one\r", "one\r\r\n"),
            (LineCodec(ending: .lf), "one\r", "one\r\n"),
            (LineCodec(ending: .crlf), "one", "one\r\n"),
            (LineCodec(ending: .crlf), "one\r", "one\r\r\n"),
            (DelimiterCodec("::".utf8), "one", "one::"),
            (FixedLengthCodec(3), "one", "one"),
            (LengthPrefixCodec(.bytes1), "one", "\u{3}one"),
            (LengthPrefixCodec(.bytes2), "one", "\u{0}\u{3}one"),
            (LengthPrefixCodec(.bytes4), "", "\u{0}\u{0}\u{0}\u{0}"),
            (
                LengthPrefixCodec(.bytes4, byteOrder: .littleEndian), "one",
                "\u{3}\u{0}\u{0}\u{0}one"
            ),
            (LengthPrefixCodec(.bytes4, countsItself: true), "one", "\u{0}\u{0}\u{0}\u{7}one"),
            (
                LengthPrefixCodec(.bytes3, byteOrder: .littleEndian, adjustment: 1), "#one",
                "\u{3}\0\0#one"
            ),
            (LengthPrefixCodec(.bytes3, adjustment: 6), "x" * 6, "\0\0\0" + "x" * 6),
            (LengthPrefixCodec(.bytes2, offset: 4), "head\0\u{3}one", "head\0\u{3}one"),
            (LengthPrefixCodec(.bytes8), "x" * 258, "\0\0\0\0\0\0\u{1}\u{2}" + "x" * 258),
            (VarintPrefixCodec(), "", "\u{0}"),
            (VarintPrefixCodec(), "x" * 127, "\u{7F}" + "x" * 127),
            (VarintPrefixCodec(), "x" * 300, "\u{AC}\u{2}" + "x" * 300),
            (NetstringCodec(), "", "0:,"),
            (NetstringCodec(), "hello", "5:hello,"),
            (NetstringCodec(), "x" * 100, "100:" + "x" * 100 + ","),
        ] as [(any FrameCodec, Wire, Wire)])
    func written(codec: any FrameCodec, payload: Wire, framed: Wire) throws {
        #expect(try Wire(framing: payload, by: codec) == framed)
        #expect(Divided([framed.bytes], codec).frames == [payload])
        #expect(
            try codec.wrapper(of: payload.bytes.span).count == framed.bytes.count
                - payload.bytes.count
        )
    }

    @Test(
        "A payload that cannot be one frame is refused",
        arguments: [
            (LineCodec(), "o\nne", "the payload contains a line feed"),
            (LineCodec(ending: .crlf), "\n", "the payload contains a line feed"),
            (LineCodec(maximumLength: 4), "five!", "5 bytes are more than the limit of 4"),
            (DelimiterCodec("::".utf8), "o::ne", "the delimiter within the payload"),
            (DelimiterCodec("::".utf8), "one:", "the delimiter within the payload"),
            (DelimiterCodec("abab".utf8), "xab", "the delimiter within the payload"),
            (
                DelimiterCodec("aab".utf8, maximumLength: 1), "xy",
                "2 bytes are more than the limit of 1"
            ),
            (FixedLengthCodec(3), "on", "2 bytes where every frame has 3"),
            (FixedLengthCodec(3), "ones", "4 bytes are more than the limit of 3"),
            (LengthPrefixCodec(.bytes1), "x" * 256, "256 bytes are more than the limit of 255"),
            (
                LengthPrefixCodec(.bytes1, countsItself: true), "x" * 255,
                "255 bytes are more than the limit of 254"
            ),
            (
                LengthPrefixCodec(.bytes3, adjustment: 6), "five!",
                "no length of 3 bytes tells 5 bytes"
            ),
            (LengthPrefixCodec(.bytes2, offset: 4), "head\0\u{2}one", "its length is not 3"),
            (LengthPrefixCodec(.bytes2, offset: 4), "head\0\u{4}one", "its length is not 3"),
            (LengthPrefixCodec(.bytes2, offset: 4), "head\0", "the payload ends before its length"),
            (
                LengthPrefixCodec(.bytes2, offset: 4, maximumLength: 8), "head\0\u{3}one",
                "9 bytes are more than the limit of 8"
            ),
            (VarintPrefixCodec(maximumLength: 1), "xy", "2 bytes are more than the limit of 1"),
            (NetstringCodec(maximumLength: 1), "xy", "2 bytes are more than the limit of 1"),
        ] as [(any FrameCodec, Wire, String)])
    func refused(codec: any FrameCodec, payload: Wire, reason: String) {
        #expect(throws: FramingError.unsendable(reason)) { try Wire(framing: payload, by: codec) }
    }

    @Test(
        "A length is written into a frame, which can be sent then",
        arguments: [
            (LengthPrefixCodec(.bytes2, offset: 4), "head??one", "head\0\u{3}one"),
            (LengthPrefixCodec(.bytes2, offset: 4), "head??", "head\0\0"),
            (
                LengthPrefixCodec(.bytes4, offset: 1, countsItself: true), "Q????one",
                "Q\0\0\0\u{7}one"
            ),
            (
                LengthPrefixCodec(.bytes3, byteOrder: .littleEndian, offset: 1, adjustment: -4),
                "1???one", "1\u{7}\0\0one"
            ),
        ] as [(LengthPrefixCodec, Wire, Wire)])
    func lengths(codec: LengthPrefixCodec, payload: Wire, frame: Wire) throws {
        var bytes = payload.bytes
        #expect(throws: FramingError.self) { try Wire(framing: payload, by: codec) }
        try codec.writeLength(into: &bytes)
        #expect(Wire(bytes) == frame)
        #expect(try Wire(framing: frame, by: codec) == frame)
    }

    @Test("A length is not written where it has no room, or cannot be told")
    func noLength() async {
        let codec = LengthPrefixCodec(.bytes1, offset: 1)
        for count in [0, 1, 258] {
            var bytes = pattern(count)
            #expect(throws: FramingError.self) { try codec.writeLength(into: &bytes) }
            #expect(bytes == pattern(count))
        }
        await #expect(processExitsWith: .failure) {
            var bytes: [UInt8] = [0, 1]
            try LengthPrefixCodec(.bytes1).writeLength(into: &bytes)
        }
    }

    @Test("A delimiter's beginning at a payload's end may be sent where it makes no delimiter")
    func beginnings() throws {
        let codec = DelimiterCodec("aab".utf8)
        for payload: Wire in ["a", "aa", "aaaa", "xa"] {
            let framed = try Wire(framing: payload, by: codec)
            #expect(Divided([framed.bytes], codec).frames == [payload])
        }
    }

    @Test("An end holds up to 23 bytes, and no more")
    func capacity() async {
        let bytes = FrameWrapper.Bytes(0..<23)
        #expect(bytes.count == 23)
        #expect(bytes[22] == 22)
        #expect(bytes.withSpan { Array(message: $0) } == Array(0..<23))
        #expect(bytes != FrameWrapper.Bytes(0..<22))
        #expect(FrameWrapper(prefix: [1, 2]) == FrameWrapper(prefix: [1, 2], suffix: []))
        #expect(FrameWrapper(prefix: [1, 2]) != FrameWrapper(prefix: [1, 3]))
        await #expect(processExitsWith: .failure) { _ = FrameWrapper.Bytes(0..<33) }
    }

    @Test(
        "An error is a clause for a person",
        arguments: [
            (.frameTooLong(limit: 4), "a frame is longer than the limit of 4 bytes"),
            (.truncated(bytes: 3), "the stream ended 3 bytes into a frame"),
            (.malformed("no comma"), "malformed frame: no comma"),
            (.unsendable("too long"), "cannot be sent as a frame: too long"),
        ] as [(FramingError, String)])
    func descriptions(error: FramingError, text: String) {
        #expect(error.description == text)
    }
}
