/// How a stream of bytes is divided into frames.
///
/// A codec only looks at bytes. It is a value without memory, and one codec serves all connections.
/// The bytes that it is shown always begin at a frame's first byte. What it says about some bytes
/// must stay true when more bytes follow. So it does not matter how the network splits the stream.
///
/// Within a frame, a codec may leave a note to itself: one number, its `memory`. It only saves work,
/// such as a second look at the same bytes. What a codec finds must be the same without it. What
/// depends on earlier frames, such as a handshake, is not a codec's matter: change the connection's
/// framing.
///
/// The codecs that come with the library are ``LineCodec``, ``DelimiterCodec``,
/// ``FixedLengthCodec``, ``LengthPrefixCodec``, ``VarintPrefixCodec`` and ``NetstringCodec``. Each
/// can send back every payload it has received. To receive bytes as they come, use
/// ``UVFraming/raw``.
public protocol FrameCodec: Sendable {
    /// The most bytes that a received frame's payload may have. Positive.
    ///
    /// It is also the limit of what is sent, unless the framing has another one by
    /// ``UVFraming/sending(upTo:)``.
    ///
    /// It also limits what a connection keeps of a frame that has not come whole. A whole frame has
    /// at most 46 bytes more than its payload (twice ``FrameWrapper/Bytes/capacity``). A longer
    /// frame ends the connection, whatever the codec says about it.
    var maximumLength: Int { get }

    /// Finds the first frame.
    ///
    /// - Parameters:
    ///   - bytes: Bytes that begin at a frame's first byte. They may be none, a part of a frame,
    ///     or many frames.
    ///   - memory: The number that an earlier search of the same bytes returned, when there were
    ///     fewer; 0 at each frame's first search, and whenever the library has forgotten it. The
    ///     library does not look at it. A codec that looks for a delimiter returns how many bytes
    ///     it has seen, and continues from there. One with nested frames can put a position and a
    ///     count into it. So a long frame in small pieces costs linear time.
    /// - Returns: Where the frame is, or how many bytes are needed. A frame has at least one
    ///   byte, and its payload and its end lie within the bytes. Any other answer is a programmer's
    ///   error and traps.
    /// - Throws: ``FramingError/frameTooLong(limit:)`` as soon as it is certain that the frame is
    ///   longer than ``maximumLength``; ``FramingError/malformed(_:)`` if the bytes do not begin a
    ///   frame.
    func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch

    /// Tells what to write before and after a payload to make it a frame.
    ///
    /// It is not asked about a payload that is too long: see ``UVFraming/sending(upTo:)``.
    ///
    /// - Parameter payload: The whole payload.
    /// - Returns: The prefix and the suffix.
    /// - Throws: ``FramingError/unsendable(_:)`` if the payload cannot be one frame: it does not
    ///   have the fixed length, or holds the delimiter.
    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper

    /// The bytes that complete a frame if the peer finishes sending within one.
    ///
    /// They are added as if they had come. By default there are none. Then such an end is the error
    /// ``FramingError/truncated(bytes:)``.
    var completion: [UInt8] { get }
}

extension FrameCodec {
    /// None: a frame that the peer has not completed is an error.
    public var completion: [UInt8] { [] }

    /// The limit of every codec for which no other limit is given: 1 MiB.
    public static var defaultMaximumLength: Int { 1 << 20 }

    /// Returns the limit, after a check that it leaves room to count the prefix and suffix, too.
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
}
