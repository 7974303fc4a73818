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
struct ConnectionState {
    enum Action: Equatable {
        case none
        /// Tell the peer that no more bytes follow.
        case finishSending
        /// The same, and discard what it still sends until it finishes, too, or a deadline passes.
        case linger
        /// Close the socket.
        case close
        /// Close the socket so that the peer sees a reset.
        case reset
    }

    private enum Sending {
        case open, finishing, finished
    }

    private var sending = Sending.open
    private var hasPeerFinished = false
    /// Why the connection ends; nil while it does not.
    private(set) var reason: UVEndReason?
    /// Whether the socket is closed, or being closed.
    private(set) var isClosed = false

    /// Whether bytes can be sent.
    var acceptsBytes: Bool { sending == .open && !isClosed }
    /// Whether bytes that come are for the handler.
    var delivers: Bool { reason == nil && !hasPeerFinished && !isClosed }
    /// Whether bytes that come are thrown away.
    var discards: Bool { reason != nil && !hasPeerFinished && !isClosed }
    /// Whether an empty queue means that sending has finished.
    var isFinishing: Bool { sending == .finishing && !isClosed }

    /// The peer finished sending.
    mutating func peerFinished(allowsHalfOpen: Bool) -> Action {
        guard !isClosed, !hasPeerFinished else { return .none }
        hasPeerFinished = true
        if sending == .finished { return end(.peerClosed, by: .close) }
        if !allowsHalfOpen {
            reason = reason ?? .peerClosed
            sending = .finishing
        }
        return .none
    }

    /// No more bytes will be sent; those that are queued will.
    mutating func finish() {
        if sending == .open { sending = .finishing }
    }

    /// The connection is to end once its queued bytes have left.
    mutating func close(_ why: UVEndReason) -> Action {
        guard !isClosed, reason == nil else { return .none }
        reason = why
        switch sending {
        case .open, .finishing:
            sending = .finishing
            return .none
        case .finished:
            return .linger
        }
    }

    /// No byte is queued.
    mutating func drained() -> Action {
        guard isFinishing else { return .none }
        sending = .finished
        if hasPeerFinished { return end(.peerClosed, by: .close) }
        return reason == nil ? .finishSending : .linger
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
        return end(reason, by: sending == .finished ? .close : .reset)
    }

    private mutating func end(_ why: UVEndReason, by action: Action) -> Action {
        guard !isClosed else { return .none }
        isClosed = true
        reason = reason ?? why
        return action
    }
}
