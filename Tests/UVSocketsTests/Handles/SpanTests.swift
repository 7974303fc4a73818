import Testing
import UVSockets

@Suite("The bytes of a message", .onPool)
struct SpanTests {
    @Test(
        "They are compared with a text, an array and others",
        arguments: [
            ("", "", true), ("quit", "quit", true), ("quit", "quiT", false), ("quit", "qui", false),
            ("qui", "quit", false), ("", "q", false), ("é", "é", true),
            ("e\u{301}", "\u{E9}", false),
        ])
    func equality(text: String, other: String, isEqual: Bool) {
        let (bytes, others) = (Array(text.utf8), Array(other.utf8))
        #expect((bytes.span == other) == isEqual)
        #expect((bytes.span == other[...]) == isEqual)
        #expect((bytes.span == others) == isEqual)
        #expect((bytes.span == others[...]) == isEqual)
        #expect((bytes.span == other.utf8) == isEqual)
        #expect((bytes.span == others.span) == isEqual)
        #expect((bytes.span != other) != isEqual)
        #expect((bytes.span != others) != isEqual)
        #expect((bytes.span != others.span) != isEqual)
        #expect((bytes.span == others.lazy.map { $0 }) == isEqual)
    }

    @Test("A switch finds a text")
    func switching() {
        func name(_ bytes: [UInt8]) -> Int {
            switch bytes.span {
            case "ping": 1
            case "": 2
            default: 3
            }
        }
        #expect(["ping", "", "pin", "pings"].map { name(Array($0.utf8)) } == [1, 2, 3, 3])
    }

    @Test(
        "They begin with a text, an array and others",
        arguments: [
            ("", ""), ("add 1", "add "), ("add", "add"), ("ad", "add"), ("bad", "add"), ("", "a"),
        ])
    func beginning(text: String, prefix: String) {
        let expected = text.hasPrefix(prefix)
        let (bytes, first) = (Array(text.utf8), Array(prefix.utf8))
        #expect(bytes.span.starts(with: prefix) == expected)
        #expect(bytes.span.starts(with: first) == expected)
        #expect(bytes.span.starts(with: first.span) == expected)
    }

    @Test("Each is shown in order, until one throws")
    func each() {
        struct Enough: Error {}
        var seen: [UInt8] = []
        ([1, 2, 3] as [UInt8]).span.forEach { seen.append($0) }
        #expect(seen == [1, 2, 3])
        #expect(throws: Enough.self) {
            try ([4, 5, 6] as [UInt8]).span.forEach { (byte) throws(Enough) in
                guard byte < 5 else { throw Enough() }
                seen.append(byte)
            }
        }
        #expect(seen == [1, 2, 3, 4])
    }

    @Test(
        "They are split as an array is",
        arguments: ["", " ", "a", " a", "a ", "a b", " a  b c ", "  ", "ab cd ef  gh"],
        [0, 1, 2, Int.max])
    func split(text: String, most: Int) {
        let bytes = Array(text.utf8)
        for omits in [true, false] {
            var parts: [[UInt8]] = []
            bytes.span.split(
                separator: 32, maxSplits: most, omittingEmptySubsequences: omits
            ) { parts.append([UInt8](message: $0)) }
            let expected = bytes.split(
                separator: 32, maxSplits: most, omittingEmptySubsequences: omits)
            #expect(parts == expected.map(Array.init), "omits: \(omits)")
        }
        var words: [[UInt8]] = []
        bytes.span.split(separator: 32) { words.append([UInt8](message: $0)) }
        #expect(words == bytes.split(separator: 32).map(Array.init))
    }

    @Test("A split ends where its closure throws")
    func splitThrows() {
        struct Enough: Error {}
        var count = 0
        #expect(throws: Enough.self) {
            try Array("a b c".utf8).span.split(separator: 32) { (_) throws(Enough) in
                count += 1
                if count == 2 { throw Enough() }
            }
        }
        #expect(count == 2)
    }

    @Test(
        "A number is read from decimal digits and nothing else",
        arguments: [
            ("0", 0), ("007", 7), ("-12", -12), ("-0", 0), ("9223372036854775807", .max),
            ("-9223372036854775808", .min), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("99999999999999999999", nil), ("", nil), ("-", nil),
            ("+1", nil), ("--1", nil), (" 1", nil), ("1 ", nil), ("1a", nil), ("٣", nil),
            ("0x1", nil),
        ] as [(String, Int?)])
    func numbers(text: String, value: Int?) {
        #expect(Int(decimal: Array(text.utf8).span) == value)
        #expect(Int(decimal: Array(text.utf8)) == value)
        #expect(Int(decimal: text.utf8) == value)
    }
}
