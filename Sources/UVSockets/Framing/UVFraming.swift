/// How the bytes of a connection are divided into messages.
///
///     let listener = UVListener(on: loop, at: "[::]:8081", framing: .lines) { client, line in
///         client.send(line)
///     }
///
/// A value, which is given to whatever makes connections. The protocols that come with the library are
/// static members. For another, write a ``FrameCodec`` and pass it to ``codec(_:)``.
public struct UVFraming: Sendable {
    /// Finds the messages, and says how one is sent; nil where bytes come as they come.
    public let codec: (any FrameCodec)?

    init(_ codec: (any FrameCodec)?) {
        self.codec = codec
    }

    /// Bytes as they come, in pieces of any size: a message is what one read brings.
    public static let raw = UVFraming(nil)

    /// The messages that a codec finds.
    ///
    /// - Parameter codec: The codec.
    /// - Returns: The framing.
    public static func codec(_ codec: some FrameCodec) -> UVFraming {
        UVFraming(codec)
    }

    /// What is written before and behind a payload; nothing where messages are not framed.
    ///
    /// - Throws: ``FramingError/unsendable(_:)`` where the payload cannot be one message.
    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        try codec?.wrapper(of: payload) ?? FrameWrapper()
    }
}
