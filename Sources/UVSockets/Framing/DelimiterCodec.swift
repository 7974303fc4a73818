/// Frames that end where a delimiter first occurs.
public struct DelimiterCodec: FrameCodec {
    /// The most bytes a payload may have, the delimiter not counted.
    public let maximumLength: Int
    private let delimiter: FrameWrapper.Bytes

    /// Describes the frames.
    ///
    /// - Parameters:
    ///   - delimiter: What ends a frame: 1 to 16 bytes.
    ///   - maximumLength: The most bytes a payload may have, the delimiter not counted. Positive.
    public init(
        _ delimiter: some Collection<UInt8>, maximumLength: Int = Self.defaultMaximumLength
    ) {
        precondition(1...16 ~= delimiter.count, "a delimiter must have 1 to 16 bytes")
        self.delimiter = FrameWrapper.Bytes(delimiter)
        self.maximumLength = Self.checked(maximumLength)
    }

    /// Finds the first frame; see ``FrameCodec/firstFrame(in:memory:)``.
    public func firstFrame(
        in bytes: Span<UInt8>, memory scanned: Int
    ) throws(FramingError) -> FrameSearch {
        // The delimiter of a frame within the limit may begin here, if all of it has come.
        let starts = min(max(0, bytes.count - delimiter.count + 1), maximumLength + 1)
        let candidates = bytes.extracting(first: starts)
        var next = scanned
        while let start = candidates.firstIndex(of: delimiter[0], from: next) {
            if isDelimiter(bytes, at: start) {
                return .frame(payload: 0..<start, end: start + delimiter.count)
            }
            next = start + 1
        }
        guard starts <= maximumLength else { throw .frameTooLong(limit: maximumLength) }
        return .incomplete(memory: starts, needed: max(delimiter.count, bytes.count + 1))
    }

    private func isDelimiter(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        for index in 1..<delimiter.count where bytes[start + index] != delimiter[index] {
            return false
        }
        return true
    }

    /// Tells how a frame ends; see ``FrameCodec/wrapper(of:)``.
    ///
    /// A payload cannot be sent if it holds the delimiter. Nor can it be sent if its end and the
    /// beginning of the delimiter would form a delimiter.
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        guard !holdsDelimiter(payload), !runsIntoDelimiter(payload) else {
            throw .unsendable("the delimiter within the payload")
        }
        return FrameWrapper(suffix: delimiter)
    }

    private func holdsDelimiter(_ payload: Span<UInt8>) -> Bool {
        let candidates = payload.extracting(first: max(0, payload.count - delimiter.count + 1))
        var next = 0
        while let start = candidates.firstIndex(of: delimiter[0], from: next) {
            if isDelimiter(payload, at: start) { return true }
            next = start + 1
        }
        return false
    }

    /// Whether the delimiter occurs too early when it is written after the payload. The delimiter
    /// `aa` does so after `xa`.
    private func runsIntoDelimiter(_ payload: Span<UInt8>) -> Bool {
        let lengths = 1..<max(1, min(delimiter.count, payload.count + 1))
        return lengths.contains { length in
            let start = payload.count - length
            return (0..<delimiter.count).allSatisfy { index in
                let byte = index < length ? payload[start + index] : delimiter[index - length]
                return byte == delimiter[index]
            }
        }
    }
}

extension UVFraming {
    /// Frames that end where a delimiter first occurs.
    ///
    /// - Parameters:
    ///   - delimiter: What ends a frame: 1 to 16 bytes, such as `[0]` or `"\r\n.\r\n".utf8`.
    ///   - maximumLength: The most bytes a payload may have, the delimiter not counted. Positive.
    /// - Returns: The framing.
    public static func delimiter(
        _ delimiter: some Collection<UInt8>,
        maximumLength: Int = DelimiterCodec.defaultMaximumLength
    ) -> UVFraming {
        .codec(DelimiterCodec(delimiter, maximumLength: maximumLength))
    }
}
