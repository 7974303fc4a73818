/// How the bytes of a connection are divided into messages.
///
///     let listener = UVListener(on: loop, at: "[::]:8081", framing: .lines) { client, line in
///         client.send(line)
///     }
///
/// It is a value. You pass it to the object that makes connections. The library's protocols are
/// static members. For another protocol, write a ``FrameCodec`` and pass it to ``codec(_:)``.
public struct UVFraming: Sendable {
    /// Finds the messages, and says how to send one; nil if bytes are delivered as they come.
    public let codec: (any FrameCodec)?

    /// The most bytes that a sent message may have. Without a codec there is no limit.
    public let maximumSentLength: Int

    private init(_ codec: (any FrameCodec)?, maximumSentLength: Int) {
        self.codec = codec
        self.maximumSentLength = maximumSentLength
    }

    /// Bytes as they come, in pieces of any size. A message is what one read brings.
    public static let raw = UVFraming(nil, maximumSentLength: .max)

    /// The messages that a codec finds.
    ///
    /// - Parameter codec: The codec.
    /// - Returns: The framing.
    public static func codec(_ codec: some FrameCodec) -> UVFraming {
        UVFraming(codec, maximumSentLength: codec.maximumLength)
    }

    /// The same framing with another limit for what is sent. The limit of what is received stays.
    ///
    ///     .lines(maximumLength: 64 * 1024).sending(upTo: 16 << 20)
    ///
    /// By default both limits are the same. A longer message is not sent: `send` returns
    /// ``UVSendResult/refused(_:)``. The peer must accept what is sent, of course.
    ///
    /// - Parameter maximumLength: The most bytes that a sent message may have. Positive. For bytes
    ///   without messages, ``raw``, this is a programmer error.
    /// - Returns: The framing.
    public func sending(upTo maximumLength: Int) -> UVFraming {
        precondition(codec != nil, "raw bytes are no messages, and their length has no limit")
        precondition(maximumLength > 0, "the limit of what is sent must be positive")
        return UVFraming(codec, maximumSentLength: maximumLength)
    }

    /// Tells what to write before and after a payload: nothing if messages are not framed.
    ///
    /// `send` and `broadcast` do the same. Use it to find out beforehand whether they will refuse a
    /// message.
    ///
    /// - Parameter payload: The whole payload.
    /// - Returns: The prefix and the suffix.
    /// - Throws: ``FramingError/unsendable(_:)`` if the payload cannot be one message.
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        guard let codec else { return FrameWrapper() }
        try Self.check(payload.count, limit: maximumSentLength)
        return try codec.wrapper(of: payload)
    }

    /// Throws if a payload is too long to be sent.
    @inline(__always)
    static func check(_ count: Int, limit: Int) throws(FramingError) {
        guard count <= limit else { throw tooLong(count, limit) }
    }

    @inline(never)
    private static func tooLong(_ count: Int, _ limit: Int) -> FramingError {
        .unsendable("\(count) bytes are more than the limit of \(limit)")
    }
}
