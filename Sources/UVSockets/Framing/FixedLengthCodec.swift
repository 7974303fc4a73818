/// Frames that all have the same length and nothing around them.
public struct FixedLengthCodec: FrameCodec {
    /// The length of every frame.
    public let maximumLength: Int

    /// Describes the frames.
    ///
    /// - Parameter length: The length of every frame in bytes. Positive.
    public init(_ length: Int) {
        maximumLength = Self.checked(length)
    }

    /// Finds the first frame; see ``FrameCodec/firstFrame(in:memory:)``. No bytes are malformed.
    public func firstFrame(
        in bytes: Span<UInt8>, memory: Int
    ) throws(FramingError) -> FrameSearch {
        guard bytes.count >= maximumLength else {
            return .incomplete(needed: maximumLength)
        }
        return .frame(payload: 0..<maximumLength, end: maximumLength)
    }

    /// Tells that nothing is written around a payload; see ``FrameCodec/wrapper(of:)``. A payload
    /// of another length cannot be sent.
    public func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        guard payload.count == maximumLength else {
            throw .unsendable("\(payload.count) bytes where every frame has \(maximumLength)")
        }
        return FrameWrapper()
    }
}

extension UVFraming {
    /// Frames that all have the same length.
    ///
    /// - Parameter length: The length of every frame in bytes. Positive.
    /// - Returns: The framing.
    public static func fixed(_ length: Int) -> UVFraming {
        .codec(FixedLengthCodec(length))
    }
}
