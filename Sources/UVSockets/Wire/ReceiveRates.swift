/// Counts what a connection receives against its limits per second. It exists only if there is such
/// a limit.
final class ReceiveRates {
    private var bytes: RateLimit
    private var messages: RateLimit
    /// When more may be received, in milliseconds of the loop's clock; 0 if more may be now.
    private(set) var heldUntil: UInt64 = 0

    /// Nil if nothing is limited.
    init?(_ options: UVConnectionOptions) {
        guard options.bytesPerSecond != nil || options.messagesPerSecond != nil else { return nil }
        bytes = RateLimit(perSecond: options.bytesPerSecond)
        messages = RateLimit(perSecond: options.messagesPerSecond)
    }

    /// Counts received bytes.
    ///
    /// - Returns: Whether no more may be received for now.
    func received(bytes count: Int, now: UInt64) -> Bool {
        holds(bytes.take(count, now: now), now)
    }

    /// Counts a received message.
    ///
    /// - Returns: Whether no more may be received for now.
    func receivedMessage(now: UInt64) -> Bool {
        holds(messages.take(1, now: now), now)
    }

    /// Ends the hold.
    func released() {
        heldUntil = 0
    }

    private func holds(_ wait: UInt64?, _ now: UInt64) -> Bool {
        guard let wait else { return false }
        heldUntil = max(heldUntil, now.addingReportingOverflow(wait).partialValue)
        return true
    }
}
