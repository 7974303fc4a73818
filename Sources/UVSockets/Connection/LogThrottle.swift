/// Lets one line a second through of those that a stranger can cause.
struct LogThrottle {
    private var saidAt: UInt64?
    private var unsaid = 0

    /// It happened once more.
    ///
    /// - Returns: How many times since it was last said; nil where it is not to be said now.
    mutating func times() -> Int? {
        unsaid += 1
        let now = coarseMilliseconds()
        if let saidAt, now - saidAt < 1000 { return nil }
        saidAt = now
        defer { unsaid = 0 }
        return unsaid
    }
}
