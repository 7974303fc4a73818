import Synchronization
import Testing

@testable import UVSockets

@Suite("FrameAssembler", .ownThreads)
struct FrameAssemblerTests {
    @Test("Frames within a chunk are not copied")
    func inPlace() throws {
        let chunk = (Wire(stringLiteral: "line\n") * 16).bytes
        var assembler = FrameAssembler()
        var offset = 0
        for index in 0..<16 {
            let place = try assembler.next(in: chunk.span, &offset, LineCodec())
            #expect(place == .chunk(index * 5..<index * 5 + 4))
        }
        #expect(try assembler.next(in: chunk.span, &offset, LineCodec()) == nil)
        #expect(assembler.kept.capacity == 0)
    }

    @Test("Of frames that are cut, only those are copied, and their memory is given back")
    func cut() throws {
        let wire = (Wire(stringLiteral: "line\n") * 1000).bytes
        var assembler = FrameAssembler()
        var offset = 0
        assembler.keep(wire.span.extracting(..<2))
        let chunk = Array(wire[2..<4998])
        #expect(try assembler.next(in: chunk.span, &offset, LineCodec()) == .kept(0..<4))
        #expect(assembler.kept.count == 5)
        #expect(offset == 3)
        for index in 0..<998 {
            let place = try assembler.next(in: chunk.span, &offset, LineCodec())
            #expect(place == .chunk(3 + index * 5..<3 + index * 5 + 4))
            #expect(assembler.kept.capacity == 0)
        }
        #expect(try assembler.next(in: chunk.span, &offset, LineCodec()) == nil)
        assembler.keep(chunk.span.extracting(offset...))
        #expect(assembler.isMidFrame)
        #expect(assembler.count == 3)
    }

    @Test(
        "A long frame in small pieces is looked at once",
        arguments: [1, 7, 1000],
        [
            LineCodec(maximumLength: 50_000), LineCodec(ending: .crlf, maximumLength: 50_000),
            DelimiterCodec("\0".utf8, maximumLength: 50_000),
            DelimiterCodec("xxxy".utf8, maximumLength: 50_000),
        ] as [any FrameCodec])
    func linear(size: Int, codec: any FrameCodec) throws {
        let payload = "x" * 49_999 as Wire
        let counting = CountingCodec(codec)
        let wire = try Wire(framing: payload, by: codec)
        #expect(Divided(wire.pieces(of: size), counting).frames == [payload])
        let searches = counting.log.searches.load(ordering: .relaxed)
        let bytes = counting.log.bytes.load(ordering: .relaxed)
        // Of a piece of 1000, 256 bytes are taken first, then 512, then the rest.
        #expect(searches <= (wire.bytes.count / size + 1) * (size > 256 ? 3 : 1))
        // A search looks again at what may be a delimiter's beginning.
        #expect(bytes <= wire.bytes.count + 4 * searches)
    }

    @Test(
        "A codec that knows a frame's length is not asked again before that has come",
        arguments: [
            (FixedLengthCodec(50_000), 2), (LengthPrefixCodec(.bytes8, maximumLength: 50_000), 3),
            (VarintPrefixCodec(maximumLength: 50_000), 5),
            (NetstringCodec(maximumLength: 50_000), 8),
        ] as [(any FrameCodec, Int)])
    func asked(codec: any FrameCodec, most: Int) throws {
        let payload = "x" * 50_000 as Wire
        let counting = CountingCodec(codec)
        let wire = try Wire(framing: payload, by: codec)
        #expect(Divided(wire.single, counting).frames == [payload])
        #expect(counting.log.searches.load(ordering: .relaxed) <= most)
    }

    @Test("No more is kept than a frame, and memory grows only as bytes come")
    func memory() throws {
        let limit = 10_000
        for codec: any FrameCodec in [
            LineCodec(maximumLength: limit), LengthPrefixCodec(.bytes4, maximumLength: limit),
        ] {
            let wire = try Wire(framing: "x" * limit, by: codec).bytes
            var assembler = FrameAssembler()
            for (index, byte) in wire.dropLast().enumerated() {
                var offset = 0
                let chunk = [byte]
                #expect(try assembler.next(in: chunk.span, &offset, codec) == nil)
                assembler.keep(chunk.span.extracting(offset...))
                #expect(assembler.kept.capacity <= max(64, 2 * (index + 1) + 32))
                #expect(assembler.kept.capacity <= limit + 96)
            }
        }
    }

    @Test("A frame is announced without memory being taken for it")
    func announced() throws {
        let chunk: [UInt8] = [0, 15, 255, 255, 1, 2, 3]
        var assembler = FrameAssembler()
        for byte in chunk {
            var offset = 0
            let piece = [byte]
            #expect(try assembler.next(in: piece.span, &offset, LengthPrefixCodec(.bytes4)) == nil)
            assembler.keep(piece.span.extracting(offset...))
        }
        #expect(assembler.count == 7)
        #expect(assembler.kept.capacity < 100)
    }

    @Test("Who stops within a chunk goes on from there, and holds no memory of frames taken")
    func stopped() throws {
        let wire = (Wire(stringLiteral: "line\n") * 1000).bytes + Wire("rest").bytes
        var assembler = FrameAssembler()
        var offset = 0
        #expect(try assembler.next(in: wire.span, &offset, LineCodec()) == .chunk(0..<4))
        assembler.keep(wire.span.extracting(offset...))
        for index in 0..<999 {
            var none = 0
            let place = try assembler.next(in: Span(), &none, LineCodec())
            #expect(place == .kept(index * 5..<index * 5 + 4))
        }
        var none = 0
        #expect(try assembler.next(in: Span(), &none, LineCodec()) == nil)
        #expect(assembler.count == 4)
        #expect(assembler.kept.capacity < 100)
    }

    @Test("Bytes that were not looked at may be kept behind those that were")
    func unseen() throws {
        var assembler = FrameAssembler()
        let chunk = Wire("ab").bytes
        var offset = 0
        #expect(try assembler.next(in: chunk.span, &offset, LineCodec()) == nil)
        assembler.keep(chunk.span)
        assembler.keep(Wire("c\nd\n").bytes.span)
        var none = 0
        #expect(try assembler.next(in: Span(), &none, LineCodec()) == .kept(0..<3))
        #expect(try assembler.next(in: Span(), &none, LineCodec()) == .kept(4..<5))
        #expect(try assembler.next(in: Span(), &none, LineCodec()) == nil)
    }

    @Test("A codec switched between two frames sees every byte that follows")
    func switched() {
        let wire = "HELLO\r\n\u{0}\u{3}one\u{0}\u{0}3:two,raw \n bytes" as Wire
        let frames: [Wire] = ["HELLO", "one", "", "two"]
        func codec(_ count: Int) -> (any FrameCodec)? {
            switch count {
            case 0: LineCodec()
            case 1, 2: LengthPrefixCodec(.bytes2)
            case 3: NetstringCodec()
            default: nil
            }
        }
        func check(_ pieces: [[UInt8]], stops: Bool) {
            let divided = Divided(pieces, stops: stops, codec)
            #expect(Array(divided.frames.prefix(4)) == frames)
            #expect(divided.frames.dropFirst(4).reduce("", +) == "raw \n bytes")
            #expect(divided.end == .clean)
        }
        for first in 0...wire.bytes.count {
            for second in first...wire.bytes.count {
                let pieces = [0..<first, first..<second, second..<wire.bytes.count]
                check(pieces.map { Array(wire.bytes[$0]) }, stops: false)
                check(pieces.map { Array(wire.bytes[$0]) }, stops: true)
            }
        }
        check(wire.single, stops: false)
        check(wire.single, stops: true)
    }

    @Test("A codec switched within a frame searches the kept bytes from their beginning")
    func switchedWithin() throws {
        var assembler = FrameAssembler()
        let chunk = Wire("a;b;c").bytes
        var offset = 0
        #expect(try assembler.next(in: chunk.span, &offset, LineCodec()) == nil)
        assembler.keep(chunk.span.extracting(offset...))
        assembler.codecChanged()
        var none = 0
        #expect(try assembler.next(in: Span(), &none, DelimiterCodec(";".utf8)) == .kept(0..<1))
        #expect(try assembler.next(in: Span(), &none, DelimiterCodec(";".utf8)) == .kept(2..<3))
        #expect(try assembler.next(in: Span(), &none, DelimiterCodec(";".utf8)) == nil)
        #expect(assembler.takeAll(of: Span(), &none) == .kept(0..<1))
        #expect(assembler.takeAll(of: Span(), &none) == nil)
        #expect(!assembler.isMidFrame)
    }

    @Test("A codec's number comes back to it within a frame, whatever it is, and to nobody else")
    func numbers() throws {
        let codec = NotingCodec()
        var assembler = FrameAssembler()
        func feed(_ text: Wire) throws {
            for piece in text.single {
                var offset = 0
                _ = try assembler.next(in: piece.span, &offset, codec)
                assembler.keep(piece.span.extracting(offset...))
            }
        }
        try feed("ab;c;d")
        assembler.codecChanged()
        try feed("e")
        let first = Int.min + 1
        #expect(codec.given.withLock(\.self) == [0, first, first + 1, 0, first, 0, 0, first])
    }

    @Test("Without a codec a chunk is handed on as it is")
    func raw() {
        var assembler = FrameAssembler()
        let chunk: [UInt8] = [1, 2, 3]
        var offset = 0
        #expect(assembler.takeAll(of: chunk.span, &offset) == .chunk(0..<3))
        #expect(assembler.takeAll(of: chunk.span, &offset) == nil)
        assembler.keep(chunk.span.extracting(offset...))
        #expect(!assembler.isMidFrame)
    }

    @Test("An error is thrown again by who asks again")
    func again() {
        var assembler = FrameAssembler()
        let codec = LineCodec(maximumLength: 2)
        assembler.keep(Wire("lo").bytes.span)
        let chunk = Wire("ng\n").bytes
        var offset = 0
        for _ in 0..<2 {
            #expect(throws: FramingError.frameTooLong(limit: 2)) {
                try assembler.next(in: chunk.span, &offset, codec)
            }
        }
    }

    @Test("A codec that finds an empty frame is stopped before it is asked for ever")
    func nothing() async {
        await #expect(processExitsWith: .failure) {
            var assembler = FrameAssembler()
            let chunk: [UInt8] = [1]
            var offset = 0
            _ = try assembler.next(in: chunk.span, &offset, EmptyFrameCodec())
        }
    }
}

/// Counts how often it is asked, and about how many bytes that it was not asked about before.
private struct CountingCodec: FrameCodec {
    final class Log: Sendable {
        let searches = Atomic(0)
        let bytes = Atomic(0)
    }

    let log = Log()
    let codec: any FrameCodec

    init(_ codec: any FrameCodec) {
        self.codec = codec
    }

    var maximumLength: Int { codec.maximumLength }

    func firstFrame(in bytes: Span<UInt8>, memory scanned: Int) throws(FramingError) -> FrameSearch
    {
        log.searches.add(1, ordering: .relaxed)
        log.bytes.add(bytes.count - scanned, ordering: .relaxed)
        return try codec.firstFrame(in: bytes, memory: scanned)
    }

    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        try codec.wrapper(of: payload)
    }
}

/// Frames that end with a semicolon. It writes down the number that each search gets.
private final class NotingCodec: FrameCodec {
    let maximumLength = 100
    let given = Mutex<[Int]>([])

    func firstFrame(in bytes: Span<UInt8>, memory: Int) -> FrameSearch {
        given.withLock { $0.append(memory) }
        guard let end = bytes.firstIndex(of: UInt8(ascii: ";")) else {
            return .incomplete(memory: .min + bytes.count, needed: bytes.count + 1)
        }
        return .frame(payload: 0..<end, end: end + 1)
    }

    func wrapper(of payload: Span<UInt8>) -> FrameWrapper { FrameWrapper(suffix: [0x3B]) }
}

private struct EmptyFrameCodec: FrameCodec {
    let maximumLength = 1

    func firstFrame(in bytes: Span<UInt8>, memory: Int) -> FrameSearch {
        .frame(payload: 0..<0, end: 0)
    }

    func wrapper(of payload: Span<UInt8>) -> FrameWrapper { FrameWrapper() }
}
