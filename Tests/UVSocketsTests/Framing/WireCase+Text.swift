import UVSockets

extension WireCase {
    private static let four = LineCodec(maximumLength: 4)
    private static let fourLF = LineCodec(ending: .lf, maximumLength: 4)
    private static let fourCRLF = LineCodec(ending: .crlf, maximumLength: 4)
    private static let tooLong = WireEnd.error(.frameTooLong(limit: 4))
    private static let bareLineFeed = WireEnd.error(
        .malformed("a line feed without a carriage return before it"))

    static let lines: [WireCase] = [
        .init("L1", "nothing", LineCodec(), "", []),
        .init("L2", "an empty line", LineCodec(), "\n", [""]),
        .init("L3", "empty lines, both ends", LineCodec(), "\n\r\n\n", ["", "", ""]),
        .init("L4", "two lines", LineCodec(), "one\ntwo\n", ["one", "two"]),
        .init("L5", "two lines, CRLF", LineCodec(), "one\r\ntwo\r\n", ["one", "two"]),
        .init("L6", "one CR is the end's", LineCodec(), "one\r\r\n", ["one\r"]),
        .init("L7", "CR within", LineCodec(), "o\rne\n\rtwo\n", ["o\rne", "\rtwo"]),
        .init("L8", "not UTF-8", LineCodec(), "\u{FF}\u{0}\u{80}\n", ["\u{FF}\u{0}\u{80}"]),
        .init("L9", "no end", LineCodec(), "one\ntw", ["one"], .truncated(2)),
        .init("L10", "half an end", LineCodec(), "one\r", [], .truncated(4)),
        .init("L11", "the limit", four, "four\nfour\n", ["four", "four"]),
        .init("L12", "the limit, CRLF", four, "four\r\nfour\r\n", ["four", "four"]),
        .init("L13", "one more", four, "one\nfive!\none\n", ["one"], tooLong),
        .init("L14", "one more, CRLF", four, "one\nfive!\r\none\n", ["one"], tooLong),
        .init("L15", "one more, no end", four, "five!", [], tooLong),
        .init("L16", "the limit, half an end", four, "four\r", [], .truncated(5)),
        .init("L17", "one more is a CR", four, "four\r\r\n", [], tooLong),
        .init("L18", "one more behind a CR", four, "four\rx", [], tooLong),
        .init(
            "L19", "LF: CR is the line's", LineCodec(ending: .lf), "one\r\n\r\n", ["one\r", "\r"]),
        .init("L20", "LF: the limit", fourLF, "four\nfou\r\n", ["four", "fou\r"]),
        .init("L21", "LF: one more", fourLF, "one\nfour\r\n", ["one"], tooLong),
        .init("L22", "LF: one more, no end", fourLF, "four\r", [], tooLong),
        .init("L23", "CRLF: lines", fourCRLF, "one\r\n\r\ntwo\r\n", ["one", "", "two"]),
        .init("L24", "CRLF: CR within", fourCRLF, "a\rb\r\nc\r\r\n", ["a\rb", "c\r"]),
        .init("L25", "CRLF: LF alone", fourCRLF, "one\r\ntwo\n", ["one"], bareLineFeed),
        .init("L26", "CRLF: LF first", fourCRLF, "\none\r\n", [], bareLineFeed),
        .init("L27", "CRLF: the limit", fourCRLF, "four\r\n", ["four"]),
        .init("L28", "CRLF: the limit and LF", fourCRLF, "four\n", [], bareLineFeed),
        .init("L29", "CRLF: one more", fourCRLF, "five!\r\n", [], tooLong),
        .init("L30", "CRLF: one more and LF", fourCRLF, "five!\n", [], tooLong),
        .init("L31", "CRLF: half an end", fourCRLF, "four\r", [], .truncated(5)),
    ]

    private static let dotted = DelimiterCodec("\r\n.\r\n".utf8)
    private static let colons = DelimiterCodec("::".utf8, maximumLength: 4)
    private static let aa = DelimiterCodec("aa".utf8)
    private static let aab = DelimiterCodec("aab".utf8)
    private static let abab = DelimiterCodec("abab".utf8)
    private static let longest = DelimiterCodec("0123456789abcdef".utf8)

    static let delimiters: [WireCase] = [
        .init("D1", "nothing", DelimiterCodec([0]), "", []),
        .init("D2", "an empty frame", DelimiterCodec([0]), "\0", [""]),
        .init("D3", "NUL", DelimiterCodec([0]), "one\0\0two\0", ["one", "", "two"]),
        .init("D4", "no end", DelimiterCodec([0]), "one\0two", ["one"], .truncated(3)),
        .init("D5", "five bytes", dotted, "one\r\n.\r\ntwo\r\n.\r\n", ["one", "two"]),
        .init("D6", "nearly", dotted, "o\r\n.\rne\r\n\r\n.\r\n", ["o\r\n.\rne\r\n"]),
        .init("D7", "all but one of five", dotted, "one\r\n.\r", [], .truncated(7)),
        .init("D8", "the first place counts", aa, "xaaay", ["x"], .truncated(2)),
        .init("D9", "one behind another", aa, "aaaaaa", ["", "", ""]),
        .init("D10", "its beginning twice", aab, "aaab", ["a"]),
        .init("D11", "its beginning at the end", abab, "ababab", [""], .truncated(2)),
        .init("D12", "its beginning before it", abab, "xabaabab", ["xaba"]),
        .init("D13", "16 bytes", longest, "one0123456789abcdef", ["one"]),
        .init("D14", "15 of 16 bytes", longest, "one0123456789abcde", [], .truncated(18)),
        .init("D15", "the limit", colons, "four::four::", ["four", "four"]),
        .init("D16", "one more", colons, "one::five!::one::", ["one"], tooLong),
        .init("D17", "one more, no end", colons, "five!!", [], tooLong),
        .init("D18", "the limit, half an end", colons, "four:", [], .truncated(5)),
        .init("D19", "one more behind half an end", colons, "four:x::", [], tooLong),
        .init("D20", "one more is half an end", colons, "four:::", ["four"], .truncated(1)),
    ]

    private static let twelve = NetstringCodec(maximumLength: 12)
    private static let beyondTwelve = WireEnd.error(.frameTooLong(limit: 12))
    private static let noLength = WireEnd.error(
        .malformed("a decimal length and a colon are missing"))
    private static let leadingZero = WireEnd.error(.malformed("the length has a leading zero"))
    private static let noComma = WireEnd.error(.malformed("the comma after the payload is missing"))

    static let netstrings: [WireCase] = [
        .init("N1", "nothing", NetstringCodec(), "", []),
        .init("N2", "an empty frame", NetstringCodec(), "0:,", [""]),
        .init("N3", "three frames", NetstringCodec(), "3:one,0:,5:a,b:c,", ["one", "", "a,b:c"]),
        .init("N4", "the limit", twelve, "12:hello world!,", ["hello world!"]),
        .init("N5", "one more", twelve, "1:a,13:hello, world!,", ["a"], beyondTwelve),
        .init(
            "N6", "2^32 - 1", NetstringCodec(), "4294967295:", [],
            .error(.frameTooLong(limit: 1 << 20))),
        .init("N7", "2^64 - 1", twelve, "18446744073709551615:", [], beyondTwelve),
        .init("N8", "2^64 and more", twelve, "1844674407370955161600000000:", [], beyondTwelve),
        .init(
            "N9", "9 at a limit of 8", NetstringCodec(maximumLength: 8), "9:", [],
            .error(.frameTooLong(limit: 8))),
        .init("N10", "zero twice", NetstringCodec(), "1:a,00:,", ["a"], leadingZero),
        .init("N11", "a leading zero", NetstringCodec(), "03:one,", [], leadingZero),
        .init("N12", "no digit", NetstringCodec(), ":,", [], noLength),
        .init("N13", "a sign", NetstringCodec(), "-1:a,", [], noLength),
        .init("N14", "a space", NetstringCodec(), "1 :a,", [], noLength),
        .init("N15", "no colon", NetstringCodec(), "3one,", [], noLength),
        .init("N16", "no comma", NetstringCodec(), "3:one;", [], noComma),
        .init("N17", "a comma too late", NetstringCodec(), "3:ones,", [], noComma),
        .init("N18", "truncated length", NetstringCodec(), "1:a,12", ["a"], .truncated(2)),
        .init("N19", "truncated before the payload", NetstringCodec(), "12:", [], .truncated(3)),
        .init("N20", "truncated before the comma", NetstringCodec(), "3:one", [], .truncated(5)),
    ]
}
