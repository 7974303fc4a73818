/// Lets one line a second through of those that a stranger can cause.
final class LogThrottle: Sendable {
    private let state = Locked<(saidAt: UInt64?, unsaid: Int)>((nil, 0))

    /// It happened once more.
    ///
    /// - Returns: How many times since it was last said; nil where it is not to be said now.
    func times() -> Int? {
        state.withLock { state in
            state.unsaid += 1
            let now = coarseMilliseconds()
            if let saidAt = state.saidAt, now - saidAt < 1000 { return nil }
            state.saidAt = now
            defer { state.unsaid = 0 }
            return state.unsaid
        }
    }
}

/// The throttles of a loop, or of all loops of a group: however many listeners, connectors and
/// connections they have, a stranger causes one line of a kind a second.
struct LogThrottles: Sendable {
    let slowHandlers = LogThrottle()
    let handlerFailures = LogThrottle()
    let evictions = LogThrottle()
    let acceptFailures = LogThrottle()
    let acceptRecoveries = LogThrottle()
}
