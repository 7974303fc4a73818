/// Limits a log line that a stranger can cause to one a second.
final class LogThrottle: Sendable {
    private let state = Locked<(saidAt: UInt64?, unsaid: Int)>((nil, 0))

    /// Counts one more occurrence.
    ///
    /// - Returns: How often it has happened since the last line; nil if no line is to be written
    ///   now.
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

/// The throttles of one loop, or of all loops of a group.
///
/// A stranger causes at most one line of each kind a second, however many listeners, connectors and
/// connections there are.
struct LogThrottles: Sendable {
    let slowHandlers = LogThrottle()
    let handlerFailures = LogThrottle()
    let evictions = LogThrottle()
    let badEnds = LogThrottle()
    let acceptFailures = LogThrottle()
    let acceptRecoveries = LogThrottle()
}
