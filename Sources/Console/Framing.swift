import ArgumentParser
public import UVSockets

/// How a program's messages are told apart, as named on its command line.
public struct Framing: Sendable {
    /// The codec; nil for bytes as they come.
    public let codec: (any FrameCodec)?

    /// What can be named.
    public static let names =
        "raw, lines, crlf, netstring, varint, length1, length2, length4, length8 or fixed:BYTES"

    /// Reads a name for an option.
    ///
    /// - Parameter argument: The name, one of ``names``.
    /// - Returns: The framing.
    /// - Throws: `ValidationError` where it is none of them.
    public static func parse(_ argument: String) throws -> Framing {
        guard let framing = Framing(argument) else {
            throw ValidationError("it is one of \(names)")
        }
        return framing
    }

    private init?(_ argument: String) {
        switch argument {
        case "raw": codec = nil
        case "lines": codec = LineCodec()
        case "crlf": codec = LineCodec(ending: .crlf)
        case "netstring": codec = NetstringCodec()
        case "varint": codec = VarintPrefixCodec()
        case "length1": codec = LengthPrefixCodec(.bytes1)
        case "length2": codec = LengthPrefixCodec(.bytes2)
        case "length4": codec = LengthPrefixCodec(.bytes4)
        case "length8": codec = LengthPrefixCodec(.bytes8)
        default:
            let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == "fixed", let length = Int(parts[1]),
                1...(1 << 20) ~= length
            else { return nil }
            codec = FixedLengthCodec(length)
        }
    }
}
