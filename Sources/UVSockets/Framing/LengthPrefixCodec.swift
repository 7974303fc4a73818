/// Frames that begin with their length, an unsigned number of 1, 2, 4 or 8 bytes.
public struct LengthPrefixCodec: FrameCodec {
    /// How many bytes the length takes.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Width: Int, Sendable, CaseIterable {
        /// One byte: lengths to 255.
        case bytes1 = 1
        /// Two bytes: lengths to 65,535.
        case bytes2 = 2
        /// Four bytes: lengths to 4,294,967,295.
        case bytes4 = 4
        /// Eight bytes.
        case bytes8 = 8
    }

    /// The order of the bytes of the length.
    public enum ByteOrder: Sendable, CaseIterable {
        /// The most significant byte first, as in most protocols of the Internet.
        case bigEndian
        /// The least significant byte first.
        case littleEndian
    }

    /// How many bytes the length takes.
    public let width: Width
    /// The order of these bytes.
    public let byteOrder: ByteOrder
    /// Whether the length counts its own bytes, too.
    public let countsItself: Bool
    /// The most bytes a payload may have: the given limit, or the greatest length of the width if
    /// that is less.
    public let maximumLength: Int

    /// Describes the frames.
    ///
    /// - Parameters:
    ///   - width: How many bytes the length takes.
    ///   - byteOrder: The order of these bytes.
    ///   - countsItself: Whether the length counts its own bytes, too.
    ///   - maximumLength: The most bytes a payload may have. Positive.
    public init(
        _ width: Width, byteOrder: ByteOrder = .bigEndian, countsItself: Bool = false,
        maximumLength: Int = Self.defaultMaximumLength
    ) {
        self.width = width
        self.byteOrder = byteOrder
        self.countsItself = countsItself
        let greatest = UInt64.max >> (64 - 8 * UInt64(width.rawValue))
        let expressible = countsItself ? greatest - UInt64(width.rawValue) : greatest
        self.maximumLength = Int(min(UInt64(Self.checked(maximumLength)), expressible))
    }

    /// Finds the first frame; see ``FrameCodec/firstFrame(in:memory:)``.
    ///
    /// A length beyond the limit is an error as soon as it has come. So is a length that counts
    /// itself and is less than its own width.
    public func firstFrame(
        in bytes: Span<UInt8>, memory: Int
    ) throws(FramingError) -> FrameSearch {
        let prefix = width.rawValue
        guard bytes.count >= prefix else { return .incomplete(needed: prefix) }
        var length: UInt64 = 0
        for index in 0..<prefix { length |= UInt64(bytes[index]) << shift(of: index) }
        if countsItself {
            guard length >= UInt64(prefix) else {
                throw .malformed("a length of \(length) that counts its own \(prefix) bytes")
            }
            length -= UInt64(prefix)
        }
        return try .behind(prefix: prefix, length: length, limit: maximumLength, of: bytes.count)
    }

    /// Tells the length to write before a payload; see ``FrameCodec/wrapper(of:)``.
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        try checkIsSendable(payload)
        let length = UInt64(payload.count) + (countsItself ? UInt64(width.rawValue) : 0)
        var prefix = FrameWrapper.Bytes()
        for index in 0..<width.rawValue {
            prefix.append(UInt8(truncatingIfNeeded: length >> shift(of: index)))
        }
        return FrameWrapper(prefix: prefix)
    }

    /// How many bits to the left a byte of the length stands in the number.
    private func shift(of index: Int) -> Int {
        switch byteOrder {
        case .bigEndian: 8 * (width.rawValue - 1 - index)
        case .littleEndian: 8 * index
        }
    }
}

extension UVFraming {
    /// Frames that begin with their length.
    ///
    /// - Parameters:
    ///   - width: How many bytes the length takes.
    ///   - byteOrder: The order of these bytes.
    ///   - countsItself: Whether the length counts its own bytes, too.
    ///   - maximumLength: The most bytes a payload may have. Positive.
    /// - Returns: The framing.
    public static func lengthPrefix(
        _ width: LengthPrefixCodec.Width,
        byteOrder: LengthPrefixCodec.ByteOrder = .bigEndian,
        countsItself: Bool = false,
        maximumLength: Int = LengthPrefixCodec.defaultMaximumLength
    ) -> UVFraming {
        .codec(
            LengthPrefixCodec(
                width, byteOrder: byteOrder, countsItself: countsItself,
                maximumLength: maximumLength))
    }
}
