import ArgumentParser
public import UVSockets

/// A framing as named on a program's command line: how messages are told apart.
public struct Framing: Sendable {
    /// The framing, for the library.
    public let value: UVFraming

    /// The names allowed.
    public static let names =
        "raw, lines, crlf, netstring, varint, length1, length2, length4, length8 or fixed:BYTES"

    private let name: String

    /// Reads a name for an option.
    ///
    /// - Parameter argument: The name, one of ``names``.
    /// - Returns: The framing.
    /// - Throws: `ValidationError` if it is not one of them.
    public static func parse(_ argument: String) throws -> Framing {
        guard let framing = Framing(argument, LineCodec.defaultMaximumLength) else {
            throw ValidationError("the value must be one of \(names)")
        }
        return framing
    }

    /// The same framing with another limit.
    ///
    /// - Parameter maximumLength: The most bytes a message may have. It must be positive.
    /// - Returns: The framing. Nil if its messages have no limit to set: they come as they come, or
    ///   all have one length.
    public func limited(to maximumLength: Int) -> Framing? {
        if !hasLimit { return nil }
        return Framing(name, maximumLength)
    }

    /// Whether its messages vary in length, so that a limit can be set.
    public var hasLimit: Bool { value.codec != nil && !(value.codec is FixedLengthCodec) }

    private init?(_ name: String, _ limit: Int) {
        self.name = name
        switch name {
        case "raw": value = .raw
        case "lines": value = .lines(maximumLength: limit)
        case "crlf": value = .lines(ending: .crlf, maximumLength: limit)
        case "netstring": value = .netstring(maximumLength: limit)
        case "varint": value = .varint(maximumLength: limit)
        case "length1": value = .lengthPrefix(.bytes1, maximumLength: limit)
        case "length2": value = .lengthPrefix(.bytes2, maximumLength: limit)
        case "length4": value = .lengthPrefix(.bytes4, maximumLength: limit)
        case "length8": value = .lengthPrefix(.bytes8, maximumLength: limit)
        default:
            let parts = name.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == "fixed", let length = Int(digits: parts[1]),
                1...(1 << 20) ~= length
            else { return nil }
            value = .fixed(length)
        }
    }
}
