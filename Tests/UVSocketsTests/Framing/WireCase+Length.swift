import UVSockets

extension WireCase {
    static let fixed: [WireCase] = [
        .init("F1", "nothing", FixedLengthCodec(3), "", []),
        .init(
            "F2", "single bytes", FixedLengthCodec(1), "\u{0}\n\u{FF}", ["\u{0}", "\n", "\u{FF}"]),
        .init("F3", "two frames", FixedLengthCodec(3), "onetwo", ["one", "two"]),
        .init("F4", "one byte missing", FixedLengthCodec(3), "onetw", ["one"], .truncated(2)),
        .init(
            "F5", "one byte more", FixedLengthCodec(3), "onetwo3", ["one", "two"], .truncated(1)),
    ]

    /// A length in so many bytes, the most significant first.
    private static func number(_ value: UInt64, _ width: Int) -> Wire {
        Wire((0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }

    private static func reversed(_ wire: Wire) -> Wire { Wire(wire.bytes.reversed()) }

    private static let beyondFour = WireEnd.error(.frameTooLong(limit: 4))
    private static let beyondDefault = WireEnd.error(.frameTooLong(limit: 1 << 20))

    private static func tooSmall(_ length: Int, _ width: Int) -> WireEnd {
        .error(.malformed("a length of \(length) where at least \(width) bytes are counted"))
    }

    /// The rows that every width and byte order has.
    private static func rows(
        _ width: LengthPrefixCodec.Width, _ order: LengthPrefixCodec.ByteOrder
    ) -> [WireCase] {
        let size = width.rawValue
        let name = "P\(size)\(order == .bigEndian ? "b" : "l")"
        let plain = LengthPrefixCodec(width, byteOrder: order, maximumLength: 4)
        let counting = LengthPrefixCodec(
            width, byteOrder: order, countsItself: true, maximumLength: 4)
        func length(_ value: UInt64) -> Wire {
            order == .bigEndian ? number(value, size) : reversed(number(value, size))
        }
        func counted(_ value: UInt64) -> Wire { length(value + UInt64(size)) }
        let greatest = length(.max >> (64 - 8 * UInt64(size)))
        return [
            .init("\(name)1", "nothing", plain, "", []),
            .init("\(name)2", "length 0", plain, length(0) + length(0), ["", ""]),
            .init(
                "\(name)3", "the limit", plain, length(4) + "four" + length(1) + "x",
                ["four", "x"]),
            .init(
                "\(name)4", "one more", plain, length(1) + "x" + length(5) + "five!", ["x"],
                beyondFour),
            .init("\(name)5", "the greatest length", plain, greatest, [], beyondFour),
            .init(
                "\(name)6", "truncated length", plain, length(0) + Wire(length(4).bytes.dropLast()),
                [""], size == 1 ? .clean : .truncated(size - 1)),
            .init(
                "\(name)7", "truncated payload", plain, length(4) + "fou", [],
                .truncated(size + 3)),
            .init("\(name)8", "counting itself, empty", counting, counted(0) * 2, ["", ""]),
            .init(
                "\(name)9", "counting itself, the limit", counting,
                counted(4) + "four" + counted(1) + "x", ["four", "x"]),
            .init(
                "\(name)10", "counting itself, one more", counting, counted(5) + "five!", [],
                beyondFour),
            .init("\(name)11", "counting itself, greatest", counting, greatest, [], beyondFour),
            .init(
                "\(name)12", "counting itself, too small", counting,
                counted(1) + "x" + length(UInt64(size) - 1), ["x"], tooSmall(size - 1, size)),
            .init(
                "\(name)13", "counting itself, length 0", counting, length(0), [],
                tooSmall(0, size)),
        ]
    }

    static let lengthPrefixes: [WireCase] = LengthPrefixCodec.Width.allCases.flatMap { width in
        rows(width, .bigEndian) + rows(width, .littleEndian) + (width == .bytes1 ? prefixes : [])
    }

    private static let prefixes: [WireCase] = [
        .init(
            "P1", "2^32 - 1 at the default limit", LengthPrefixCodec(.bytes4),
            number(0xFFFF_FFFF, 4), [], beyondDefault),
        .init(
            "P2", "2^32 - 1 where it is allowed",
            LengthPrefixCodec(.bytes4, maximumLength: 1 << 40), number(0xFFFF_FFFF, 4) + "x", [],
            .truncated(5)),
        .init(
            "P3", "2^64 - 1 at the greatest limit",
            LengthPrefixCodec(.bytes8, maximumLength: .max / 2), number(.max, 8), [],
            .error(.frameTooLong(limit: .max / 2))),
        .init(
            "P4", "the greatest limit",
            LengthPrefixCodec(.bytes8, maximumLength: .max / 2), number(.max / 4, 8) + "x", [],
            .truncated(9)),
        .init(
            "P5", "what a width can say is allowed",
            LengthPrefixCodec(.bytes1), "\u{FF}" + "x" * 255, ["x" * 255]),
        .init(
            "P6", "the least significant byte first",
            LengthPrefixCodec(.bytes2, byteOrder: .littleEndian), "\u{1}\u{0}x\u{2}\u{0}yz",
            ["x", "yz"]),
    ]

    private static let mysql = LengthPrefixCodec(
        .bytes3, byteOrder: .littleEndian, adjustment: 1, maximumLength: 5)
    private static let modbus = LengthPrefixCodec(.bytes2, offset: 4, maximumLength: 10)
    private static let postgres = LengthPrefixCodec(
        .bytes4, offset: 1, countsItself: true, maximumLength: 9)
    private static let diameter = LengthPrefixCodec(
        .bytes3, offset: 1, adjustment: -4, maximumLength: 8)

    static let headers: [WireCase] = [
        .init(
            "H1", "a byte more follows than the length tells", mysql,
            "\u{2}\0\0#ab" + "\0\0\0#" + "\u{4}\0\0#four", ["#ab", "#", "#four"]),
        .init(
            "H2", "the same, one more than the limit", mysql, "\u{5}\0\0", [],
            .error(.frameTooLong(limit: 5))),
        .init("H3", "the same, truncated", mysql, "\u{2}\0\0#a", [], .truncated(5)),
        .init(
            "H4", "bytes before the length", modbus, "ab\0\0\0\u{4}four" + "cd\0\0\0\0",
            ["ab\0\0\0\u{4}four", "cd\0\0\0\0"]),
        .init(
            "H5", "the same, one more than the limit", modbus, "ab\0\0\0\0" + "ab\0\0\0\u{5}",
            ["ab\0\0\0\0"], .error(.frameTooLong(limit: 10))),
        .init("H6", "the same, truncated before the length", modbus, "ab\0\0\0", [], .truncated(5)),
        .init(
            "H7", "the same, the greatest length", modbus, "ab\0\0\u{FF}\u{FF}", [],
            .error(.frameTooLong(limit: 10))),
        .init(
            "H8", "behind a type, counting itself", postgres, "Q\0\0\0\u{8}four" + "S\0\0\0\u{4}",
            ["Q\0\0\0\u{8}four", "S\0\0\0\u{4}"]),
        .init("H9", "the same, too small", postgres, "Q\0\0\0\u{3}", [], tooSmall(3, 4)),
        .init(
            "H10", "counting the whole frame", diameter, "\u{1}\0\0\u{8}four" + "\u{1}\0\0\u{4}",
            ["\u{1}\0\0\u{8}four", "\u{1}\0\0\u{4}"]),
        .init("H11", "the same, too small", diameter, "\u{1}\0\0\u{3}", [], tooSmall(3, 4)),
        .init(
            "H12", "the greatest length and adjustment",
            LengthPrefixCodec(.bytes8, offset: 1, adjustment: 1 << 16, maximumLength: .max / 2),
            "x" + number(.max, 8), [], .error(.frameTooLong(limit: .max / 2))),
    ]

    private static let limit300 = VarintPrefixCodec(maximumLength: 300)
    private static let beyond300 = WireEnd.error(.frameTooLong(limit: 300))
    private static let tooManyBits = WireEnd.error(.malformed("the length has more than 64 bits"))
    private static let overlong = WireEnd.error(
        .malformed("the length uses more bytes than it needs"))

    static let varints: [WireCase] = [
        .init("V1", "nothing", VarintPrefixCodec(), "", []),
        .init("V2", "length 0", VarintPrefixCodec(), "\u{0}\u{0}", ["", ""]),
        .init("V3", "one byte", VarintPrefixCodec(), "\u{1}x\u{7F}" + "x" * 127, ["x", "x" * 127]),
        .init("V4", "two bytes", VarintPrefixCodec(), "\u{80}\u{1}" + "x" * 128, ["x" * 128]),
        .init("V5", "the limit", limit300, "\u{AC}\u{2}" + "x" * 300, ["x" * 300]),
        .init("V6", "one more", limit300, "\u{1}x\u{AD}\u{2}x", ["x"], beyond300),
        .init("V7", "2^32 - 1", VarintPrefixCodec(), "\u{FF}" * 4 + "\u{F}", [], beyondDefault),
        .init("V8", "2^63", limit300, "\u{80}" * 9 + "\u{1}", [], beyond300),
        .init("V9", "2^64 - 1", limit300, "\u{FF}" * 9 + "\u{1}", [], beyond300),
        .init("V10", "2^64", limit300, "\u{80}" * 9 + "\u{2}", [], tooManyBits),
        .init("V11", "11 bytes", limit300, "\u{FF}" * 10 + "\u{1}", [], tooManyBits),
        .init("V12", "0 in two bytes", limit300, "\u{1}x\u{80}\u{0}", ["x"], overlong),
        .init("V13", "1 in two bytes", limit300, "\u{81}\u{0}x", [], overlong),
        .init("V14", "300 in three bytes", limit300, "\u{AC}\u{82}\u{0}", [], overlong),
        .init("V15", "0 in ten bytes", limit300, "\u{80}" * 9 + "\u{0}", [], overlong),
        .init("V16", "truncated length", limit300, "\u{1}x\u{AC}", ["x"], .truncated(1)),
        .init("V17", "truncated payload", limit300, "\u{4}fou", [], .truncated(4)),
    ]
}
