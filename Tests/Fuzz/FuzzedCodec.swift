#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The codec that this run is about; the environment's `FUZZED_CODEC` names it.
enum FuzzedCodec: String {
    case lines, delimiter, fixed, lengthPrefix, varint, netstring

    static let chosen: FuzzedCodec = {
        let name = unsafe getenv("FUZZED_CODEC").map { unsafe String(cString: $0) } ?? ""
        guard let codec = FuzzedCodec(rawValue: name) else {
            fatalError("FUZZED_CODEC is '\(name)', which names no codec")
        }
        return codec
    }()

    private static let endings: [LineCodec.Ending] = [.lfOrCRLF, .lf, .crlf]
    private static let delimiters = ["\0", "aa", "\r\n", "aab", "abab", "aaaaaaaaaaaaaaab"]

    /// Makes the codec with one of its possible settings.
    func make(variant: Int, limit: Int) -> any FrameCodec {
        switch self {
        case .lines:
            return LineCodec(ending: Self.endings[variant % 3], maximumLength: limit)
        case .delimiter:
            return DelimiterCodec(Self.delimiters[variant % 6].utf8, maximumLength: limit)
        case .fixed:
            return FixedLengthCodec(limit)
        case .lengthPrefix:
            let width = LengthPrefixCodec.Width.allCases[(variant & 7) % 5]
            let order = variant & 8 == 0 ? LengthPrefixCodec.ByteOrder.bigEndian : .littleEndian
            let (offset, adjustment) = ((variant >> 5) & 3, (variant >> 6) - 1)
            return LengthPrefixCodec(
                width, byteOrder: order, offset: offset, adjustment: adjustment,
                countsItself: variant & 16 != 0,
                maximumLength: limit + offset + width.rawValue + max(0, adjustment))
        case .varint:
            return VarintPrefixCodec(maximumLength: limit)
        case .netstring:
            return NetstringCodec(maximumLength: limit)
        }
    }

    /// Whether there is only one way to write a payload as a frame.
    func isCanonical(variant: Int) -> Bool {
        self != .lines || Self.endings[variant % 3] != .lfOrCRLF
    }
}
