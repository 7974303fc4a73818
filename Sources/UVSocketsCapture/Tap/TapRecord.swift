internal import UVSockets

/// A connection as a tap shows it.
final class Flow: Sendable {
    /// The connection's id within its listener or connector.
    let connection: UVConnection.ID
    /// This side and the peer, as they stand in the packets.
    let local: WireAddress
    let peer: WireAddress
    /// Who the peer really is, in words.
    let name: String
    /// Whether the peer has connected to this side.
    let isIncoming: Bool
    /// What the sequence numbers of both sides begin at.
    let localStart: UInt32
    let peerStart: UInt32
    /// How the bytes on the wire are divided into messages; nil if that is not known.
    let codec: (any FrameCodec)?
    /// What had come of a message when the tap began.
    let partOfMessage: [UInt8]
    /// Whether the first byte that is sent begins a message.
    let isSendingWhole: Bool

    init(
        connection: UVConnection.ID, local: WireAddress, peer: WireAddress, name: String,
        isIncoming: Bool, localStart: UInt32, peerStart: UInt32,
        codec: (any FrameCodec)? = nil, partOfMessage: [UInt8] = [], isSendingWhole: Bool = true
    ) {
        (self.connection, self.local, self.peer) = (connection, local, peer)
        (self.name, self.isIncoming) = (name, isIncoming)
        (self.localStart, self.peerStart) = (localStart, peerStart)
        self.codec = codec
        self.partOfMessage = partOfMessage
        self.isSendingWhole = isSendingWhole
    }
}

/// One thing that a tap writes down.
struct TapRecord: Sendable {
    enum Kind: Sendable {
        /// The connection, or the tap of it, begins. Three packets: SYN, SYN and ACK, ACK.
        case begin
        /// Bytes. If the chunk is longer than a packet, the last record ends it.
        case data(endsChunk: Bool)
        /// No bytes, but an acknowledgement, or a comment alone.
        case acknowledgement
        case finish
        case reset
    }

    let flow: Flow
    let kind: Kind
    /// Whether this side has sent it.
    let isOut: Bool
    /// How far the sender's stream has come: bytes, one more for the SYN, and one more for the FIN.
    let sequence: UInt64
    /// How far the other stream is acknowledged, in the same way.
    let acknowledged: UInt64
    var window: UInt16 = .max
    /// How many bytes it has, and the folded sum of all of them.
    var length = 0
    var sum: UInt16?
    var comment: String?

    // The queue sets these.

    /// How many of the bytes are kept. They stand in the queue's buffer, in the order of the records.
    var kept = 0
    /// When it happened, in nanoseconds.
    var time: UInt64 = 0
    /// How many packets were dropped just before.
    var dropsBefore: UInt64 = 0

    var packets: UInt64 {
        if case .begin = kind { return 3 }
        return 1
    }
}
