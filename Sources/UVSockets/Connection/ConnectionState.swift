/// Where a connection is in its life, and what must be done next. A pure value: it is told what
/// happened and answers with an action.
///
///     sending                          receiving
///
///     open ──finish, close──▶          open ──the peer's FIN──▶ ended
///          ──peer's FIN (*)─▶
///     finishing ──queue empty──▶ finished
///
/// (*) unless half-open connections are allowed. When sending has finished and receiving has
/// ended, the socket is closed. After `close` what still comes in is discarded ("lingering"), and
/// a deadline bounds first the flushing, then the lingering.
///
/// Where nothing can be sent any more, because the peer is gone, sending is *broken*: what came
/// before is still delivered, and then the socket is closed.
struct ConnectionState {
    enum Action: Equatable {
        case none
        /// Tell the peer that no more bytes follow.
        case finishSending
        /// The same, and discard what it still sends until it finishes, too, or a deadline passes.
        case linger
        /// The same for a peer that has finished: wait until it has acknowledged all, or a deadline
        /// passes; then close.
        case awaitAcknowledgement
        /// Wait until the peer has acknowledged all, or a deadline passes; then reset.
        case awaitReset
        /// Close the socket.
        case close
        /// Close the socket so that the peer sees a reset.
        case reset
    }

    /// What has happened; none of it is ever undone, but for the opening. A set, because each message asks.
    private struct Facts: OptionSet {
        let rawValue: UInt16

        /// No more bytes are to be sent.
        static let finishing = Facts(rawValue: 1)
        /// The peer was told so.
        static let finished = Facts(rawValue: 2)
        static let peerFinished = Facts(rawValue: 4)
        /// There is a reason why the connection ends.
        static let ending = Facts(rawValue: 8)
        static let closed = Facts(rawValue: 16)
        /// This side has called for the end.
        static let wanted = Facts(rawValue: 32)
        /// A deadline bounds the flushing.
        static let bounded = Facts(rawValue: 64)
        /// Nothing can be sent any more.
        static let broken = Facts(rawValue: 128)
        /// The peer gave the connection up, rather than to have finished before.
        static let aborted = Facts(rawValue: 256)
        /// The peer is to see a reset where the connection ends.
        static let resetting = Facts(rawValue: 512)
        /// A layer has not opened the connection yet.
        static let opening = Facts(rawValue: 1024)
    }

    // In this order they leave room behind them for what a connection keeps next.

    /// The first cause of the connection's end, which need not have begun.
    private var cause: UVEndReason?
    private var facts: Facts = []

    /// Why the connection ends; nil while it does not.
    var reason: UVEndReason? { facts.contains(.ending) ? cause : nil }

    /// Whether the socket is closed, or being closed.
    var isClosed: Bool { facts.contains(.closed) }
    /// Whether bytes that were taken before can be written.
    var isWritable: Bool { facts.isDisjoint(with: [.closed, .broken]) }
    /// Whether bytes can be sent.
    var acceptsBytes: Bool { facts.isDisjoint(with: [.finishing, .closed, .opening]) }
    /// Whether bytes that come are for the handler.
    var delivers: Bool { facts.isDisjoint(with: [.ending, .peerFinished, .closed]) }
    /// Whether bytes that come are thrown away.
    var discards: Bool { facts.intersection([.ending, .peerFinished, .closed]) == .ending }
    /// Whether this side has called for its end, or finished before the peer did.
    var endIsWanted: Bool { facts.contains(.wanted) }
    /// Whether an empty queue means that sending has finished.
    var isFinishing: Bool { facts.intersection([.finishing, .finished, .closed]) == .finishing }

    /// Whether all was sent, and only the peer's end is waited for.
    var isLingering: Bool { facts.isSuperset(of: [.ending, .finished]) }

    /// Whether nothing can be sent any more, while what came before is still delivered.
    var isBroken: Bool { facts.intersection([.broken, .ending, .closed]) == .broken }
    /// Why nothing can be sent any more.
    var endOfSending: UVEndReason { cause ?? .closed }
    /// Whether the peer gave up a connection that is broken.
    var isAborted: Bool { facts.contains(.aborted) }
    /// Whether the peer has finished, and can still be answered.
    var isHalfOpen: Bool { facts.intersection([.peerFinished, .ending, .closed]) == .peerFinished }
    /// Whether the peer has finished sending.
    var hasPeerFinished: Bool { facts.contains(.peerFinished) }
    /// Whether the peer was sent a FIN.
    var hasSentFIN: Bool { facts.intersection([.finished, .broken, .resetting]) == .finished }
    /// Whether the peer is to see a reset.
    var isResetting: Bool { facts.contains(.resetting) }

    /// Whether a layer has not opened the connection yet.
    var isOpening: Bool { facts.contains(.opening) }

    /// A layer is to open the connection.
    mutating func beginOpening() {
        facts.insert(.opening)
    }

    /// The layer has opened it.
    mutating func opened() {
        facts.remove(.opening)
    }

    /// The peer finished sending.
    ///
    /// - Parameters:
    ///   - allowsHalfOpen: Whether it is still sent to.
    ///   - isAcknowledged: Whether nothing more is to be acknowledged before the socket is closed.
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

    /// No more bytes will be sent; those that are queued will.
    mutating func finish() {
        facts.insert(.finishing)
    }

    /// This side calls for the end, or for its half of it: an answer to the peer's is not that.
    mutating func wantEnd(ofSendingOnly isHalf: Bool = false) {
        if !isHalf || facts.isDisjoint(with: [.ending, .peerFinished]) { facts.insert(.wanted) }
    }

    /// Whether the flushing before the end is to be bounded; so once.
    mutating func boundsFlush() -> Bool {
        guard facts.isSuperset(of: .ending), facts.isDisjoint(with: .bounded) else { return false }
        facts.insert(.bounded)
        return true
    }

    /// The connection is to end once its queued bytes have left.
    ///
    /// - Parameters:
    ///   - why: Why.
    ///   - byReset: Whether the peer is to see a reset behind those bytes.
    /// - Returns: What to do now.
    mutating func close(_ why: UVEndReason, byReset: Bool = false) -> Action {
        guard !isClosed, reason == nil else { return .none }
        if facts.contains(.broken) { return end(why, by: .close) }
        begin(why)
        finish()
        if byReset { facts.insert(.resetting) }
        return facts.contains(.finished) ? waiting : .none
    }

    /// What is done when all has left, and the connection ends.
    private var waiting: Action { facts.contains(.resetting) ? .awaitReset : .linger }

    /// Nothing can be sent any more.
    ///
    /// - Parameters:
    ///   - why: Why, which is told when what came before was delivered.
    ///   - isAborted: Whether the peer gave up, rather than to have finished before.
    /// - Returns: What to do now.
    mutating func sendingBroke(_ why: UVEndReason, isAborted: Bool) -> Action {
        guard !isClosed, !facts.contains(.broken) else { return .none }
        // Nothing is to be delivered any more.
        if !delivers { return end(why, by: .close) }
        cause = cause ?? why
        facts.formUnion([.broken, .finishing, .finished])
        if isAborted { facts.insert(.aborted) }
        return .none
    }

    /// No byte is queued.
    ///
    /// - Parameter isAcknowledged: Whether nothing more is to be acknowledged before the socket is
    ///   closed.
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

    /// The connection is gone, as a failed call told.
    mutating func failed(_ why: UVEndReason) -> Action {
        end(why, by: .close)
    }

    /// The connection is to end now, whatever is queued.
    mutating func reset(_ why: UVEndReason) -> Action {
        end(why, by: .reset)
    }

    /// Flushing, or lingering, took as long as it may.
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
