/// What a connection needs beyond the common case.
///
/// It exists only while there is something to remember: bytes that do not end in a whole frame, a
/// codec of its own, a layer, a tap. Without it, one test tells that there is none of them.
final class ConnectionExtras {
    /// The connection's codec; nil for raw bytes.
    var coder: FrameCoder?
    /// Whether the codec is the connection's own and not its agent's.
    var isCodecOwn = false
    var assembler = FrameAssembler()
    /// What did not fit the framing.
    var fault: UVFramingFault?
    /// Whether whole frames may be waiting, because the handler could not be called.
    var hasBacklog = false
    var layer: (any WireLayer)? {
        didSet { isOnWire = layer != nil || isTapped }
    }
    /// Whether the layer was told that no more is sent.
    var hasLayerFinished = false
    /// How many bytes the layer has given to the framing.
    var bytesDelivered: UInt64 = 0
    /// How many bytes, which did not come, complete the last frame.
    var bytesCompleted = 0
    /// Those who watch its bytes on the wire.
    var taps: [any Tap] = [] {
        didSet {
            isTapped = !taps.isEmpty
            isOnWire = layer != nil || isTapped
        }
    }
    private(set) var isTapped = false
    /// The connection's own options; nil if it has those of its agent.
    var settings: ConnectionSettings?
    /// The tasks that its callbacks have started; nil if they have started none.
    var tasks: ConnectionTasks?
    /// The number of the message that has not come whole, and when its first bytes came.
    var partNumber: UInt64 = 0
    var partSince: UInt64 = 0
    /// When its peer was first found to have given it up since its task has taken a message.
    var abandonedAt: UInt64 = 0
    /// Whether the bytes on the wire differ from those of the framing, or somebody watches them.
    private(set) var isOnWire = false

    init(_ coder: FrameCoder?) {
        self.coder = coder
    }

    /// Whether there is something to remember.
    var isNeeded: Bool {
        isCodecOwn || assembler.isMidFrame || isOnWire || settings != nil || tasks != nil
            || fault != nil
    }
}
