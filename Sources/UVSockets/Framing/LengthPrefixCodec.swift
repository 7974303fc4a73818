/// Frames with a length at or near their beginning, an unsigned number of 1, 2, 3, 4 or 8 bytes.
///
/// A message is what comes after the length. Where the length has an offset, bytes stand before it,
/// and a message is the whole frame: those bytes, the length, and what comes after it. Examples:
///
/// | Protocol | Frame | Framing |
/// |---|---|---|
/// | many | length, body | `.lengthPrefix(.bytes4)` |
/// | MySQL | length, number, body | `.lengthPrefix(.bytes3, byteOrder: .littleEndian, adjustment: 1)` |
/// | HTTP/2 | length, 6 bytes, body | `.lengthPrefix(.bytes3, adjustment: 6)` |
/// | Modbus/TCP | 4 bytes, length, body | `.lengthPrefix(.bytes2, offset: 4)` |
/// | PostgreSQL | type, length that counts itself, body | `.lengthPrefix(.bytes4, offset: 1, countsItself: true)` |
/// | Diameter | version, length of the frame, body | `.lengthPrefix(.bytes3, offset: 1, adjustment: -4)` |
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
        /// Three bytes: lengths to 16,777,215.
        case bytes3 = 3
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
    /// How many bytes stand before the length.
    public let offset: Int
    /// How many bytes follow the length beyond those that it tells; negative if it also counts bytes
    /// that do not follow it. Its own bytes are part of it if it counts itself.
    public let adjustment: Int
    /// The most bytes a payload may have: the given limit, or the most that the width can tell if
    /// that is less.
    public let maximumLength: Int

    /// Where the length ends.
    private var header: Int { offset + width.rawValue }
    /// Where the payload begins.
    private var start: Int { offset > 0 ? 0 : width.rawValue }

    /// Describes the frames.
    ///
    /// - Parameters:
    ///   - width: How many bytes the length takes.
    ///   - byteOrder: The order of these bytes.
    ///   - offset: How many bytes stand before the length. If there are some, a payload is the whole
    ///     frame.
    ///   - adjustment: How many bytes follow the length beyond those that it tells. Negative if it
    ///     also counts bytes that do not follow it, such as those before it.
    ///   - countsItself: Whether the length counts its own bytes, too. It lowers the adjustment by
    ///     the width.
    ///   - maximumLength: The most bytes a payload may have. Positive. With an offset, it leaves
    ///     room for the bytes before the length, and for the length.
    public init(
        _ width: Width, byteOrder: ByteOrder = .bigEndian, offset: Int = 0, adjustment: Int = 0,
        countsItself: Bool = false, maximumLength: Int = Self.defaultMaximumLength
    ) {
        precondition(
            0...Self.furthest ~= offset && -Self.furthest...Self.furthest ~= adjustment,
            "an offset is from 0 to 64 KiB, and an adjustment at most 64 KiB")
        self.width = width
        self.byteOrder = byteOrder
        self.offset = offset
        self.adjustment = adjustment - (countsItself ? width.rawValue : 0)
        let most = Int(clamping: UInt64.max >> (64 - 8 * UInt64(width.rawValue)))
        let behind = most.addingReportingOverflow(self.adjustment)
        precondition(behind.partialValue > 0 || behind.overflow, "no length fits the adjustment")
        let before = offset > 0 ? offset + width.rawValue : 0
        let whole = behind.partialValue.addingReportingOverflow(before)
        let expressible = behind.overflow || whole.overflow ? Int.max : whole.partialValue
        self.maximumLength = min(Self.checked(maximumLength), expressible)
        precondition(
            self.maximumLength >= before + max(0, self.adjustment),
            "the limit is less than the shortest frame")
    }

    /// The greatest offset and adjustment.
    private static let furthest = 1 << 16

    /// Finds the first frame; see ``FrameCodec/firstFrame(in:memory:)``.
    ///
    /// A length beyond the limit is an error as soon as it has come. So is a length that is less
    /// than what it counts at least.
    public func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
        guard bytes.count >= header else { return .incomplete(needed: header) }
        let length = length(in: bytes)
        let most = maximumLength - (header - start)
        // No sum can overflow: both are within bounds that are far from it.
        guard length <= UInt64(most) + UInt64(Self.furthest + 8) else {
            throw .frameTooLong(limit: maximumLength)
        }
        let behind = Int(length) + adjustment
        guard behind >= 0 else {
            throw .malformed(
                "a length of \(length) where at least \(-adjustment) bytes are counted")
        }
        guard behind <= most else { throw .frameTooLong(limit: maximumLength) }
        guard header + behind <= bytes.count else { return .incomplete(needed: header + behind) }
        return .frame(payload: start..<header + behind, end: header + behind)
    }

    /// Tells the length to write before a payload; see ``FrameCodec/wrapper(of:)``.
    ///
    /// Where the length has an offset, nothing is written: the payload is a whole frame already. It
    /// cannot be sent if its length is not right; ``writeLength(into:)`` makes it so.
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        let length = try length(telling: payload.count - (header - start))
        guard offset == 0 else {
            guard length == self.length(in: payload) else {
                throw .unsendable("its length is not \(length)")
            }
            return FrameWrapper()
        }
        var prefix = FrameWrapper.Bytes()
        for index in 0..<width.rawValue {
            prefix.append(UInt8(truncatingIfNeeded: length >> shift(of: index)))
        }
        return FrameWrapper(prefix: prefix)
    }

    /// Writes the length into a frame whose length has an offset, over what stands there.
    ///
    ///     var frame: [UInt8] = [0, 1, 0, 0, 0, 0] + body
    ///     try codec.writeLength(into: &frame)
    ///
    /// - Parameter frame: The frame, with bytes in the place of the length. Without an offset the
    ///   codec itself writes the length, and this is a programmer error.
    /// - Throws: ``FramingError/unsendable(_:)`` if the frame is shorter than its length and what
    ///   stands before it, or if the width cannot tell its length.
    public func writeLength(into frame: inout [UInt8]) throws(FramingError) {
        precondition(offset > 0, "a length without an offset is no part of the message")
        let length = try length(telling: frame.count - header)
        for index in 0..<width.rawValue {
            frame[offset + index] = UInt8(truncatingIfNeeded: length >> shift(of: index))
        }
    }

    /// Reads the length of a frame of which that much has come.
    private func length(in bytes: Span<UInt8>) -> UInt64 {
        var length: UInt64 = 0
        for index in 0..<width.rawValue {
            length |= UInt64(bytes[offset + index]) << shift(of: index)
        }
        return length
    }

    /// The length that tells that so many bytes follow it.
    private func length(telling behind: Int) throws(FramingError) -> UInt64 {
        guard behind >= 0 else { throw .unsendable("the payload ends before its length") }
        let length = behind - adjustment
        guard length >= 0, UInt64(length) <= UInt64.max >> (64 - 8 * UInt64(width.rawValue)) else {
            throw .unsendable("no length of \(width.rawValue) bytes tells \(behind) bytes")
        }
        return UInt64(length)
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
    /// Frames with a length at or near their beginning.
    ///
    /// - Parameters:
    ///   - width: How many bytes the length takes.
    ///   - byteOrder: The order of these bytes.
    ///   - offset: How many bytes stand before the length. If there are some, a message is the whole
    ///     frame.
    ///   - adjustment: How many bytes follow the length beyond those that it tells. Negative if it
    ///     also counts bytes that do not follow it, such as those before it.
    ///   - countsItself: Whether the length counts its own bytes, too.
    ///   - maximumLength: The most bytes a payload may have. Positive.
    /// - Returns: The framing.
    public static func lengthPrefix(
        _ width: LengthPrefixCodec.Width,
        byteOrder: LengthPrefixCodec.ByteOrder = .bigEndian, offset: Int = 0, adjustment: Int = 0,
        countsItself: Bool = false,
        maximumLength: Int = LengthPrefixCodec.defaultMaximumLength
    ) -> UVFraming {
        .codec(
            LengthPrefixCodec(
                width, byteOrder: byteOrder, offset: offset, adjustment: adjustment,
                countsItself: countsItself, maximumLength: maximumLength))
    }
}
