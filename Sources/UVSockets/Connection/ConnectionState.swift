/// The state of a connection's life. A pure value: it is told what happened and answers with the
/// next action.
///
///     sending                          receiving
///
///     open ──finish, close──▶          open ──the peer's FIN──▶ ended
///          ──peer's FIN (*)─▶
///     finishing ──queue empty──▶ finished
///
/// (*) unless half-open connections are allowed. When sending has finished and receiving has ended,
/// the socket is closed. After `close`, bytes that still come in are discarded ("lingering"). A
/// deadline first bounds the flushing, then the lingering.
///
/// When the peer is gone, nothing can be sent any more: sending is *broken*. Bytes that came before
/// are still delivered, and then the socket is closed.
struct ConnectionState {
    enum Action: Equatable {
        case none
        /// Tell the peer that no more bytes follow.
        case finishSending
        /// The same. Then discard what the peer still sends, until it finishes, too, or a deadline
        /// passes.
        case linger
        /// The same, for a peer that has finished. Wait until it has acknowledged everything or a
        /// deadline passes, then close.
        case awaitAcknowledgement
        /// Wait until the peer has acknowledged everything or a deadline passes, then reset.
        case awaitReset
        /// Close the socket.
        case close
        /// Close the socket so that the peer sees a reset.
        case reset
    }

    /// What has happened. Facts are never removed, except ``opening``. They are one set because
    /// each message tests it.
    private struct Facts: OptionSet {
        let rawValue: UInt16

        /// No more bytes are to be sent.
        static let finishing = Facts(rawValue: 1)
        /// The peer was told that no more bytes follow.
        static let finished = Facts(rawValue: 2)
        static let peerFinished = Facts(rawValue: 4)
        /// The connection ends, for a known reason.
        static let ending = Facts(rawValue: 8)
        static let closed = Facts(rawValue: 16)
        /// This side has asked for the end.
        static let wanted = Facts(rawValue: 32)
        /// A deadline bounds the flushing.
        static let bounded = Facts(rawValue: 64)
        /// Nothing can be sent any more.
        static let broken = Facts(rawValue: 128)
        /// The peer gave up the connection without finishing first.
        static let aborted = Facts(rawValue: 256)
        /// When the connection ends, the peer is to see a reset.
        static let resetting = Facts(rawValue: 512)
        /// A layer has not opened the connection yet.
        static let opening = Facts(rawValue: 1024)
    }

    // In this order the struct has free space at its end, which the connection's next field can
    // use.

    /// The first cause of the connection's end. The end itself may not have begun.
    private var cause: UVEndReason?
    private var facts: Facts = []

    /// Why the connection ends. Nil if it does not.
    var reason: UVEndReason? { facts.contains(.ending) ? cause : nil }

    /// Whether the socket is closed, or being closed.
    var isClosed: Bool { facts.contains(.closed) }
    /// Whether queued bytes can still be written.
    var isWritable: Bool { facts.isDisjoint(with: [.closed, .broken]) }
    /// Whether new bytes can be sent.
    var acceptsBytes: Bool { facts.isDisjoint(with: [.finishing, .closed, .opening]) }
    /// Whether received bytes go to the handler.
    var delivers: Bool { facts.isDisjoint(with: [.ending, .peerFinished, .closed]) }
    /// Whether received bytes are discarded.
    var discards: Bool { facts.intersection([.ending, .peerFinished, .closed]) == .ending }
    /// Whether this side has asked for the end, or has finished before the peer did.
    var endIsWanted: Bool { facts.contains(.wanted) }
    /// Whether sending has finished as soon as the queue is empty.
    var isFinishing: Bool { facts.intersection([.finishing, .finished, .closed]) == .finishing }

    /// Whether everything was sent, and the connection only waits for the peer's end.
    var isLingering: Bool { facts.isSuperset(of: [.ending, .finished]) }

    /// Whether nothing can be sent any more, while bytes that came before are still delivered.
    var isBroken: Bool { facts.intersection([.broken, .ending, .closed]) == .broken }
    /// Why nothing can be sent any more.
    var endOfSending: UVEndReason { cause ?? .closed }
    /// Whether the peer gave up the connection without finishing first.
    var isAborted: Bool { facts.contains(.aborted) }
    /// Whether the peer has finished and can still be answered.
    var isHalfOpen: Bool { facts.intersection([.peerFinished, .ending, .closed]) == .peerFinished }
    /// Whether the peer has finished sending.
    var hasPeerFinished: Bool { facts.contains(.peerFinished) }
    /// Whether the peer was sent a FIN.
    var hasSentFIN: Bool { facts.intersection([.finished, .broken, .resetting]) == .finished }
    /// Whether the peer is to see a reset.
    var isResetting: Bool { facts.contains(.resetting) }

    /// Whether a layer has not opened the connection yet.
    var isOpening: Bool { facts.contains(.opening) }

    /// A layer has to open the connection first.
    mutating func beginOpening() {
        facts.insert(.opening)
    }

    /// The layer has opened the connection.
    mutating func opened() {
        facts.remove(.opening)
    }

    /// The peer finished sending.
    ///
    /// - Parameters:
    ///   - allowsHalfOpen: Whether the peer may still be sent to.
    ///   - isAcknowledged: Whether the socket can close without waiting for an acknowledgement.
    /// - Returns: What to do now.
    mutating func peerFinished(allowsHalfOpen: Bool, isAcknowledged: Bool = true) -> Action {
        guard facts.isDisjoint(with: [.closed, .peerFinished]) else { return .none }
        facts.insert(.peerFinished)
        if facts.contains(.finished) { return bothFinished(isAcknowledged) }
        if !allowsHalfOpen {
            begin(.peerClosed)
            finish()
        }
        return .none
    }

    /// No more bytes will be sent, except the queued ones.
    mutating func finish() {
        facts.insert(.finishing)
    }

    /// This side asks for the end, or only for the end of its sending. Finishing in answer to the
    /// peer's finish does not count.
    mutating func wantEnd(ofSendingOnly isHalf: Bool = false) {
        if !isHalf || facts.isDisjoint(with: [.ending, .peerFinished]) { facts.insert(.wanted) }
    }

    /// Whether a deadline for the flushing must start now. True only once, when the connection
    /// ends.
    mutating func boundsFlush() -> Bool {
        guard facts.isSuperset(of: .ending), facts.isDisjoint(with: .bounded) else { return false }
        facts.insert(.bounded)
        return true
    }

    /// The connection ends once its queued bytes have left.
    ///
    /// - Parameters:
    ///   - why: The reason.
    ///   - byReset: Whether the peer is to see a reset after those bytes.
    /// - Returns: What to do now.
    mutating func close(_ why: UVEndReason, byReset: Bool = false) -> Action {
        guard !isClosed, reason == nil else { return .none }
        if facts.contains(.broken) { return end(why, by: .close) }
        begin(why)
        finish()
        if byReset { facts.insert(.resetting) }
        return facts.contains(.finished) ? waiting : .none
    }

    /// The action when everything has left and the connection ends.
    private var waiting: Action { facts.contains(.resetting) ? .awaitReset : .linger }

    /// Nothing can be sent any more.
    ///
    /// - Parameters:
    ///   - why: The reason. It is reported when the bytes that came before were delivered.
    ///   - isAborted: Whether the peer gave up without finishing first.
    /// - Returns: What to do now.
    mutating func sendingBroke(_ why: UVEndReason, isAborted: Bool) -> Action {
        guard !isClosed, !facts.contains(.broken) else { return .none }
        // Nothing is left to be delivered.
        if !delivers { return end(why, by: .close) }
        cause = cause ?? why
        facts.formUnion([.broken, .finishing, .finished])
        if isAborted { facts.insert(.aborted) }
        return .none
    }

    /// The queue is empty.
    ///
    /// - Parameter isAcknowledged: Whether the socket can close without waiting for an
    ///   acknowledgement.
    /// - Returns: What to do now.
    mutating func drained(isAcknowledged: Bool = true) -> Action {
        guard isFinishing else { return .none }
        facts.insert(.finished)
        if facts.contains(.peerFinished) { return bothFinished(isAcknowledged) }
        return reason == nil ? .finishSending : waiting
    }

    /// This side and the peer have finished.
    private mutating func bothFinished(_ isAcknowledged: Bool) -> Action {
        if isAcknowledged || facts.contains(.broken) { return end(.peerClosed, by: .close) }
        begin(.peerClosed)
        return .awaitAcknowledgement
    }

    /// A call has failed: the connection is gone.
    mutating func failed(_ why: UVEndReason) -> Action {
        end(why, by: .close)
    }

    /// The connection ends now, whatever is queued.
    mutating func reset(_ why: UVEndReason) -> Action {
        end(why, by: .reset)
    }

    /// The time for flushing or for lingering is over.
    mutating func deadlinePassed() -> Action {
        guard let reason else { return .none }
        return end(reason, by: facts.contains(.finished) ? .close : .reset)
    }

    private mutating func end(_ why: UVEndReason, by action: Action) -> Action {
        guard !isClosed else { return .none }
        begin(why)
        facts.insert(.closed)
        return action == .close && facts.contains(.resetting) ? .reset : action
    }

    private mutating func begin(_ why: UVEndReason) {
        cause = cause ?? why
        facts.insert(.ending)
    }
}
