/// How a stream of bytes is divided into frames.
///
/// A codec only looks: it is a value without memory, and one serves all connections. What it is
/// shown always begins at a frame's first byte. What it says of some bytes must hold however many
/// follow, so that it does not matter how the network cut the stream.
///
/// The codecs that come with the library are ``LineCodec``, ``DelimiterCodec``,
/// ``FixedLengthCodec``, ``LengthPrefixCodec``, ``VarintPrefixCodec`` and ``NetstringCodec``. Each
/// can send back every payload it has received. To receive bytes as they come, use ``UVFraming/raw``.
public protocol FrameCodec: Sendable {
    /// The most bytes a frame's payload may have. Positive, and the bound of what a connection
    /// keeps of a frame that has not come whole: a frame, with what frames the payload, has at most 46
    /// bytes more (twice ``FrameWrapper/Bytes/capacity``). A longer one ends the connection, whatever the
    /// codec says of it.
    var maximumLength: Int { get }

    /// Finds the first frame.
    ///
    /// - Parameters:
    ///   - bytes: Bytes that begin at a frame's first byte. They may be none, a part of a frame,
    ///     or many frames.
    ///   - scanned: What the previous search of the same bytes returned when there were fewer; 0
    ///     at first. A codec that looks for a delimiter goes on from there, so that a long frame
    ///     in small pieces costs linear time.
    /// - Returns: Where the frame is, or how much more must come. A frame has a byte or more, and its
    ///   payload and its end lie within the bytes: another is a programmer's error, and traps.
    /// - Throws: ``FramingError/frameTooLong(limit:)`` as soon as the frame is bound to be longer
    ///   than ``maximumLength``; ``FramingError/malformed(_:)`` where the bytes begin no frame.
    func firstFrame(in bytes: Span<UInt8>, scanned: Int) throws(FramingError) -> FrameSearch

    /// Tells what is written before and behind a payload to make it a frame.
    ///
    /// - Parameter payload: The whole payload.
    /// - Returns: The two ends.
    /// - Throws: ``FramingError/unsendable(_:)`` where the payload cannot be one frame: it is too
    ///   long, not of the fixed length, or holds the delimiter.
    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper
}

extension FrameCodec {
    /// The limit of every codec that is not given another: 1 MiB.
    public static var defaultMaximumLength: Int { 1 << 20 }

    /// A limit as given, once it is known to leave room to count a frame's ends, too.
    static func checked(_ maximumLength: Int) -> Int {
        precondition(
            maximumLength > 0 && maximumLength <= Int.max / 2,
            "the maximum length of a frame must be from 1 to Int.max / 2 bytes")
        return maximumLength
    }

    /// The most bytes a whole frame may have.
    var longestFrame: Int {
        min(max(0, maximumLength), Int.max / 2) + 2 * FrameWrapper.Bytes.capacity
    }

    @inline(__always)
    func checkIsSendable(_ payload: Span<UInt8>) throws(FramingError) {
        guard payload.count <= maximumLength else { throw tooLong(payload.count) }
    }

    @inline(never)
    private func tooLong(_ count: Int) -> FramingError {
        .unsendable("\(count) bytes are more than the limit of \(maximumLength)")
    }
}
