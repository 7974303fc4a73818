/// What a ``FrameCodec`` says about bytes that begin at a frame's first byte.
public enum FrameSearch: Equatable, Sendable {
    /// The first frame is whole. Its payload lies at `payload`, and the next frame begins at `end`.
    case frame(payload: Range<Int>, end: Int)
    /// The first frame is not whole.
    ///
    /// `needed` counts all bytes from the frame's first byte. With fewer bytes neither a frame nor
    /// an error can be found, so the codec is not asked again before that.
    ///
    /// `memory` is any number that the codec likes. The next search of these bytes gets it.
    case incomplete(memory: Int = 0, needed: Int)
}

extension FrameSearch {
    /// Where the frame is, if one was found. It has at least one byte and lies within the bytes.
    ///
    /// - Parameters:
    ///   - count: How many bytes there are.
    ///   - longest: The most bytes a whole frame may have.
    ///   - limit: The limit that the error names.
    /// - Returns: Where its payload lies, and where the next frame begins; nil if none was found.
    /// - Throws: ``FramingError/frameTooLong(limit:)`` if it is longer than the longest frame.
    @inline(__always)
    func frame(
        within count: Int, limit longest: Int, _ limit: @autoclosure () -> Int
    ) throws(FramingError) -> (payload: Range<Int>, end: Int)? {
        guard case .frame(let payload, let end) = self else { return nil }
        guard end <= longest else { throw .frameTooLong(limit: limit()) }
        precondition(
            1...count ~= end && payload.lowerBound >= 0 && payload.upperBound <= end,
            "the codec returned a frame that is empty or lies outside the bytes")
        return (payload, end)
    }

    /// Says whether a frame is whole. Its payload of `length` bytes begins after a prefix.
    static func behind(
        prefix: Int, length: UInt64, limit: Int, of count: Int
    ) throws(FramingError) -> FrameSearch {
        guard length <= UInt64(limit) else { throw .frameTooLong(limit: limit) }
        let end = prefix + Int(length)
        guard end <= count else { return .incomplete(needed: end) }
        return .frame(payload: prefix..<end, end: end)
    }
}
