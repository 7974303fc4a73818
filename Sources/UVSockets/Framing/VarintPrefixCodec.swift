/// Frames that begin with their length as a varint. Streams of protobuf messages use this framing.
///
/// A varint has 7 bits in each byte, the least significant bits first. The high bit is set in every
/// byte but the last.
public struct VarintPrefixCodec: FrameCodec {
    /// The most bytes a payload may have.
    public let maximumLength: Int

    /// 64 bits, with 7 bits in each byte.
    private static let longestPrefix = 10

    /// Describes the frames.
    ///
    /// - Parameter maximumLength: The most bytes a payload may have. Positive.
    public init(maximumLength: Int = Self.defaultMaximumLength) {
        self.maximumLength = Self.checked(maximumLength)
    }

    /// Finds the first frame; see ``FrameCodec/firstFrame(in:memory:)``.
    ///
    /// A length is malformed if it uses more bytes than it needs, or has more than 64 bits. A
    /// length beyond the limit is an error as soon as its last byte has come.
    public func firstFrame(
        in bytes: Span<UInt8>, memory: Int
    ) throws(FramingError) -> FrameSearch {
        var length: UInt64 = 0
        for index in 0..<min(Self.longestPrefix, bytes.count) {
            let byte = bytes[index]
            guard index < Self.longestPrefix - 1 || byte <= 1 else {
                throw .malformed("the length has more than 64 bits")
            }
            length |= UInt64(byte & 0x7F) << (7 * index)
            guard byte & 0x80 == 0 else { continue }
            guard byte != 0 || index == 0 else {
                throw .malformed("the length uses more bytes than it needs")
            }
            return try .behind(
                prefix: index + 1, length: length, limit: maximumLength, of: bytes.count)
        }
        return .incomplete(needed: bytes.count + 1)
    }

    /// Tells the length to write before a payload; see ``FrameCodec/wrapper(of:)``.
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        var prefix = FrameWrapper.Bytes()
        var rest = payload.count
        while rest > 0x7F {
            prefix.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        prefix.append(UInt8(rest))
        return FrameWrapper(prefix: prefix)
    }
}

extension UVFraming {
    /// Frames of at most 1 MiB that begin with their length as a varint.
    public static var varint: UVFraming { .codec(VarintPrefixCodec()) }

    /// Frames that begin with their length as a varint.
    ///
    /// - Parameter maximumLength: The most bytes a payload may have. Positive.
    /// - Returns: The framing.
    public static func varint(maximumLength: Int) -> UVFraming {
        .codec(VarintPrefixCodec(maximumLength: maximumLength))
    }
}
