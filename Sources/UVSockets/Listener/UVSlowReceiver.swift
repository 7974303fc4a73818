/// What a broadcast does about a receiver that is slow: whose queue has passed the high watermark and
/// has not fallen to the low one since.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVSlowReceiver: Sendable, Hashable {
    /// It gets the message, too, until its queue passes the `sendLimit`: then it is ended, as
    /// ``UVEndReason/slowReceiver``. For what nobody may miss.
    case disconnect
    /// It does not get this message. For what is soon out of date.
    case skip
    /// Each receiver's queue holds at most one message of a key: a message takes the place of an
    /// older one with the same key of which no byte has been given to the kernel. Of what changes
    /// often, a position or a price, a slow receiver gets the latest. Otherwise as ``disconnect``.
    case keepLatest(key: String)
    /// Nobody gets the message while one of the receivers is slow; send it again from `onDrained`. So
    /// the slowest sets the pace. `onDrained` is also called for a slow client that is closed, ends or
    /// leaves a room: nobody need wait for it any more.
    case wait
}

/// What became of a broadcast.
public struct UVBroadcastReceipt: Sendable, Hashable {
    /// To how many it went at once: the kernel takes, or took, all that was sent to them before.
    public internal(set) var sent = 0
    /// For how many it waits behind other bytes.
    public internal(set) var queued = 0
    /// For how many it took the place of an older message with the same key.
    public internal(set) var replaced = 0
    /// How many slow ones did not get it.
    public internal(set) var skipped = 0
    /// For how many slow ones all have to wait; then nobody got it.
    public internal(set) var waitsFor = 0
    /// Whom it ended, because their queues had passed the `sendLimit`.
    public internal(set) var disconnected: [UVConnection.ID] = []

    /// How many get it, unless their connections end before.
    public var receivers: Int { sent + queued + replaced }

    /// What became of the message for one of them.
    enum Outcome {
        case sent, queued, replaced, skipped, disconnected
        /// It has ended already, or its own framing refuses the message.
        case none
    }

    /// Adds what became of the message for the clients of another listener.
    mutating func add(_ other: UVBroadcastReceipt) {
        sent += other.sent
        queued += other.queued
        replaced += other.replaced
        skipped += other.skipped
        waitsFor += other.waitsFor
        disconnected += other.disconnected
    }

    mutating func count(_ outcome: Outcome, for client: UVConnection) {
        switch outcome {
        case .sent: sent += 1
        case .queued: queued += 1
        case .replaced: replaced += 1
        case .skipped: skipped += 1
        case .disconnected: disconnected.append(client.id)
        case .none: break
        }
    }
}
