/// How much a connection has received of what it may in a second. It exists only where there is
/// such a limit.
final class ReceiveRates {
    private var bytes: RateLimit
    private var messages: RateLimit
    /// Until when nothing more may be received, in the loop's milliseconds; 0 while it may.
    private(set) var heldUntil: UInt64 = 0

    /// Nil where nothing is limited.
    init?(_ options: UVConnectionOptions) {
        guard options.bytesPerSecond != nil || options.messagesPerSecond != nil else { return nil }
        bytes = RateLimit(perSecond: options.bytesPerSecond)
        messages = RateLimit(perSecond: options.messagesPerSecond)
    }

    /// Bytes were received.
    ///
    /// - Returns: Whether no more may be for now.
    func received(bytes count: Int, now: UInt64) -> Bool {
        holds(bytes.take(count, now: now), now)
    }

    /// A message was received.
    ///
    /// - Returns: Whether no more may be for now.
    func receivedMessage(now: UInt64) -> Bool {
        holds(messages.take(1, now: now), now)
    }

    /// The hold is over.
    func released() {
        heldUntil = 0
    }

    private func holds(_ wait: UInt64?, _ now: UInt64) -> Bool {
        guard let wait else { return false }
        heldUntil = max(heldUntil, now.addingReportingOverflow(wait).partialValue)
        return true
    }
}
