/// Frames as netstrings, such as `5:hello,`.
///
/// A netstring is the length in decimal digits, a colon, the payload and a comma (D. J. Bernstein,
/// *Netstrings*, 1997).
public struct NetstringCodec: FrameCodec {
    /// The most bytes a payload may have.
    public let maximumLength: Int

    /// Describes the frames.
    ///
    /// - Parameter maximumLength: The most bytes a payload may have. Positive.
    public init(maximumLength: Int = Self.defaultMaximumLength) {
        self.maximumLength = Self.checked(maximumLength)
    }

    /// Finds the first frame; see ``FrameCodec/firstFrame(in:memory:)``.
    ///
    /// A length beyond the limit is an error at the first digit that exceeds the limit. A length
    /// with a leading zero is malformed.
    public func firstFrame(
        in bytes: Span<UInt8>, memory: Int
    ) throws(FramingError) -> FrameSearch {
        var length = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: ":"), index > 0 {
                return try frame(prefix: index + 1, length: length, in: bytes)
            }
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else {
                throw .malformed("a decimal length and a colon are missing")
            }
            guard index == 0 || length > 0 else {
                throw .malformed("the length has a leading zero")
            }
            let digit = Int(byte - UInt8(ascii: "0"))
            guard digit <= maximumLength, length <= (maximumLength - digit) / 10 else {
                throw .frameTooLong(limit: maximumLength)
            }
            length = length * 10 + digit
        }
        return .incomplete(needed: bytes.count + 1)
    }

    private func frame(
        prefix: Int, length: Int, in bytes: Span<UInt8>
    ) throws(FramingError) -> FrameSearch {
        let comma = prefix + length
        guard comma < bytes.count else { return .incomplete(needed: comma + 1) }
        guard bytes[comma] == UInt8(ascii: ",") else {
            throw .malformed("the comma after the payload is missing")
        }
        return .frame(payload: prefix..<comma, end: comma + 1)
    }

    /// Tells what to write before and after a payload; see ``FrameCodec/wrapper(of:)``.
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        var prefix = FrameWrapper.Bytes()
        var unit = 1
        while payload.count / unit >= 10 { unit *= 10 }
        while unit > 0 {
            prefix.append(UInt8(ascii: "0") + UInt8(payload.count / unit % 10))
            unit /= 10
        }
        prefix.append(UInt8(ascii: ":"))
        return FrameWrapper(prefix: prefix, suffix: [UInt8(ascii: ",")])
    }
}

extension UVFraming {
    /// Netstrings of at most 1 MiB.
    public static var netstring: UVFraming { .codec(NetstringCodec()) }

    /// Netstrings with a given limit.
    ///
    /// - Parameter maximumLength: The most bytes a payload may have. Positive.
    /// - Returns: The framing.
    public static func netstring(maximumLength: Int) -> UVFraming {
        .codec(NetstringCodec(maximumLength: maximumLength))
    }
}
