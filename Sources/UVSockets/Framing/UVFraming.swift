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

    init(_ codec: (any FrameCodec)?) {
        self.codec = codec
    }

    /// Bytes as they come, in pieces of any size. A message is what one read brings.
    public static let raw = UVFraming(nil)

    /// The messages that a codec finds.
    ///
    /// - Parameter codec: The codec.
    /// - Returns: The framing.
    public static func codec(_ codec: some FrameCodec) -> UVFraming {
        UVFraming(codec)
    }

    /// What to write before and after a payload; nothing if messages are not framed.
    ///
    /// - Throws: ``FramingError/unsendable(_:)`` if the payload cannot be one message.
    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        try codec?.wrapper(of: payload) ?? FrameWrapper()
    }
}
