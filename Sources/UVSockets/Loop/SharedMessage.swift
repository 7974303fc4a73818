/// A message to the clients of several loops. It is framed and copied once, and then never changes.
struct SharedMessage: @unchecked Sendable {
    // Unchecked because nobody adds to the buffer any more.
    private let frame: SendBuffer
    private let payload: Range<Int>
    let slow: UVSlowReceiver

    init(_ message: Span<UInt8>, between ends: FrameWrapper, whenSlow slow: UVSlowReceiver) {
        frame = SendBuffer(copying: message, between: ends, key: slow.key)
        payload = ends.prefix.count..<ends.prefix.count + message.count
        self.slow = slow
    }

    /// The framed message, for one loop.
    var buffer: SendBuffer { SendBuffer(sharing: frame) }

    /// Shows the message without its framing.
    func withPayload<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        frame.withBytes(payload, body)
    }
}
