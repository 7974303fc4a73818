/// Computes the wait before each attempt: exponential backoff with full jitter, see
/// ``UVReconnect``.
struct Backoff {
    let policy: UVReconnect
    /// How many attempts were granted since the start, or since the last ``reset()``.
    private(set) var attempts = 0
    /// The longest that the next wait may be.
    private(set) var bound: Duration

    init(_ policy: UVReconnect) {
        precondition(
            policy.initialDelay > .zero && policy.maximumDelay >= policy.initialDelay,
            "UVReconnect.initialDelay must be above zero, and maximumDelay must be at least as long"
        )
        precondition(policy.attempts ?? 0 >= 0, "UVReconnect.attempts must not be below 0")
        self.policy = policy
        bound = policy.initialDelay
    }

    /// Grants one more attempt.
    ///
    /// - Returns: How long to wait before it. Nil if no attempt is left.
    mutating func next(using random: inout some RandomNumberGenerator) -> Duration? {
        if let limit = policy.attempts, attempts >= limit { return nil }
        attempts += 1
        // Multiplying a longer duration would trap.
        let longest = min(bound, .seconds(Int64.max / 2))
        let delay = min(longest, longest * Double.random(in: 0...1, using: &random))
        bound = bound < policy.maximumDelay / 2 ? bound * 2 : policy.maximumDelay
        return delay
    }

    /// A connection of this age has ended.
    mutating func connectionEnded(after age: Duration) {
        if age >= policy.stableAfter { reset() }
    }

    /// Counts the next attempt as the first again.
    mutating func reset() {
        attempts = 0
        bound = policy.initialDelay
    }
}
