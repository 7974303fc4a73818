/// What a ``FrameCodec`` says of bytes that begin at a frame's first byte.
public enum FrameSearch: Equatable, Sendable {
    /// The first frame is whole: its payload lies at `payload`, and the next begins at `end`.
    case frame(payload: Range<Int>, end: Int)
    /// The first frame is not whole.
    ///
    /// `scanned` is handed to the next search of these bytes. `needed` counts all bytes from the
    /// frame's first on: with fewer, neither a frame nor an error can be found, and the codec is
    /// not asked again.
    case incomplete(scanned: Int, needed: Int)
}

extension FrameSearch {
    /// Where the frame is, if one was found; it must lie within so many bytes, and have some.
    ///
    /// - Parameters:
    ///   - count: How many bytes there are.
    ///   - longest: The most bytes a whole frame may have.
    ///   - limit: What is said where it has more.
    /// - Returns: Where its payload lies, and where the next frame begins; nil where none was found.
    /// - Throws: ``FramingError/frameTooLong(limit:)`` where it has more.
    @inline(__always)
    func frame(
        within count: Int, limit longest: Int, _ limit: @autoclosure () -> Int
    ) throws(FramingError) -> (payload: Range<Int>, end: Int)? {
        guard case .frame(let payload, let end) = self else { return nil }
        guard end <= longest else { throw .frameTooLong(limit: limit()) }
        precondition(
            1...count ~= end && payload.lowerBound >= 0 && payload.upperBound <= end,
            "a codec found a frame that is empty or not within the bytes")
        return (payload, end)
    }

    /// Says whether a frame is whole whose payload of `length` bytes begins behind a prefix.
    static func behind(
        prefix: Int, length: UInt64, limit: Int, of count: Int
    ) throws(FramingError) -> FrameSearch {
        guard length <= UInt64(limit) else { throw .frameTooLong(limit: limit) }
        let end = prefix + Int(length)
        guard end <= count else { return .incomplete(scanned: 0, needed: end) }
        return .frame(payload: prefix..<end, end: end)
    }
}
