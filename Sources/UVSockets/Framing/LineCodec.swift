/// Frames that are lines of text: each ends in a line feed.
///
/// A payload is a line without its end. It need not be UTF-8, and it may be empty.
public struct LineCodec: FrameCodec {
    /// What ends a line.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Ending: Sendable, Hashable {
        /// A line feed. One carriage return before it belongs to the end of the line.
        ///
        /// A sent line ends in a line feed. If the payload itself ends in a carriage return, a
        /// carriage return and a line feed follow it, so that it arrives unchanged.
        case lfOrCRLF
        /// A line feed. A carriage return before it belongs to the payload.
        case lf
        /// A carriage return and a line feed.
        ///
        /// A line feed alone is malformed, and not a part of the payload. If programs disagree
        /// about it, lines can be smuggled (RFC 5321 §2.3.8).
        case crlf
        /// As ``lfOrCRLF``, but a sent line ends in a carriage return and a line feed.
        ///
        /// Many text protocols of the Internet ask for it: be strict when sending, and tolerant when
        /// receiving.
        case crlfAcceptingLF
    }

    /// What ends a line.
    public let ending: Ending
    /// The most bytes a line may have, its end not counted.
    public let maximumLength: Int
    /// Whether a last line that the peer has not ended, when it finishes sending, is a line, too.
    public let takesUnendedLine: Bool

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// Describes the lines.
    ///
    /// - Parameters:
    ///   - ending: What ends a line; by default a line feed, with or without a carriage return.
    ///   - maximumLength: The most bytes a line may have, its end not counted. Positive.
    ///   - takesUnendedLine: Whether a last line that the peer has not ended, when it finishes
    ///     sending, is a line, too. By default it is an error.
    public init(
        ending: Ending = .lfOrCRLF, maximumLength: Int = Self.defaultMaximumLength,
        takesUnendedLine: Bool = false
    ) {
        self.takesUnendedLine = takesUnendedLine
        self.ending = ending
        self.maximumLength = Self.checked(maximumLength)
    }

    /// Finds the first line; see ``FrameCodec/firstFrame(in:memory:)``.
    @inline(__always)
    public func firstFrame(
        in bytes: Span<UInt8>, memory scanned: Int
    ) throws(FramingError) -> FrameSearch {
        guard let feed = bytes.firstIndex(of: Self.lineFeed, from: scanned) else {
            return try unended(bytes)
        }
        let follows = feed > 0 && bytes[feed - 1] == Self.carriageReturn
        let length = follows && ending != .lf ? feed - 1 : feed
        guard length <= maximumLength else { throw .frameTooLong(limit: maximumLength) }
        guard follows || ending != .crlf else {
            throw .malformed("a line feed without a carriage return before it")
        }
        return .frame(payload: 0..<length, end: feed + 1)
    }

    /// Handles bytes without a line feed. Only a carriage return may follow a payload of the
    /// greatest length, because a line feed may still come after it.
    private func unended(_ bytes: Span<UInt8>) throws(FramingError) -> FrameSearch {
        if bytes.count > maximumLength {
            let isReturn = bytes[maximumLength] == Self.carriageReturn && ending != .lf
            guard isReturn, bytes.count == maximumLength + 1 else {
                throw .frameTooLong(limit: maximumLength)
            }
        }
        return .incomplete(memory: bytes.count, needed: bytes.count + 1)
    }

    /// What ends an unended line; see ``FrameCodec/completion``.
    public var completion: [UInt8] {
        guard takesUnendedLine else { return [] }
        return ending == .crlf ? [Self.carriageReturn, Self.lineFeed] : [Self.lineFeed]
    }

    /// Tells how a line ends; see ``FrameCodec/wrapper(of:)``. A payload with a line feed in it
    /// cannot be sent.
    @inline(__always)
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        guard payload.firstIndex(of: Self.lineFeed) == nil else {
            throw .unsendable("the payload contains a line feed")
        }
        let hasReturn =
            ending == .crlf || ending == .crlfAcceptingLF
            || (ending == .lfOrCRLF && endsInReturn(payload))
        var suffix = FrameWrapper.Bytes()
        guard hasReturn else {
            suffix.append(Self.lineFeed)
            return FrameWrapper(suffix: suffix)
        }
        suffix.append(Self.carriageReturn)
        suffix.append(Self.lineFeed)
        return FrameWrapper(suffix: suffix)
    }

    @inline(__always)
    private func endsInReturn(_ payload: Span<UInt8>) -> Bool {
        !payload.isEmpty && payload[payload.count - 1] == Self.carriageReturn
    }
}

extension UVFraming {
    /// Lines of at most 1 MiB that end in a line feed, with or without a carriage return.
    public static var lines: UVFraming { .codec(LineCodec()) }

    /// Lines with a given ending and limit.
    ///
    /// - Parameters:
    ///   - ending: What ends a line; by default a line feed, with or without a carriage return.
    ///   - maximumLength: The most bytes a line may have, its end not counted. Positive.
    ///   - takesUnendedLine: Whether a last line that the peer has not ended, when it finishes
    ///     sending, is a line, too. By default it is an error.
    /// - Returns: The framing.
    public static func lines(
        ending: LineCodec.Ending = .lfOrCRLF,
        maximumLength: Int = LineCodec.defaultMaximumLength, takesUnendedLine: Bool = false
    ) -> UVFraming {
        .codec(
            LineCodec(
                ending: ending, maximumLength: maximumLength, takesUnendedLine: takesUnendedLine))
    }
}
