/// What a broadcast does with a slow receiver.
///
/// A receiver is slow when its queue has passed the high watermark and has not fallen to the low
/// watermark since.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVSlowReceiver: Sendable, Hashable {
    /// A slow receiver gets the message, unless its queue has passed the `sendLimit`.
    ///
    /// Then the connection is ended with ``UVEndReason/slowReceiver``. This is for messages that
    /// nobody may miss.
    case disconnect
    /// A slow receiver does not get this message.
    ///
    /// This is for messages that are soon out of date.
    case skip
    /// Each receiver's queue holds at most one message with this key.
    ///
    /// A new message replaces an older one with the same key, if the kernel has got no byte of that
    /// one yet. So a slow receiver gets the latest of a value that changes often, such as a
    /// position or a price. Otherwise it works as ``disconnect``.
    case keepLatest(key: String)
    /// Nobody gets the message while one receiver is slow. So the slowest receiver sets the pace.
    ///
    /// A ``UVListener`` does not wait: send the message again from `onDrained`. That is also called
    /// for a slow client that is closed, ends or leaves a room: nobody needs to wait for it any
    /// more. The `broadcast` of a ``UVServerHandle`` or a ``UVServerRoom`` waits.
    case wait
}

/// What became of a broadcast.
public struct UVBroadcastReceipt: Sendable, Hashable {
    /// How many receivers it was sent to at once. No earlier bytes waited for them.
    public internal(set) var sent = 0
    /// How many receivers have it in their queue, behind other bytes.
    public internal(set) var queued = 0
    /// How many receivers have it in place of an older message with the same key.
    public internal(set) var replaced = 0
    /// How many slow receivers did not get it.
    public internal(set) var skipped = 0
    /// How many slow receivers the broadcast waits for. If it is above 0, nobody got the message.
    public internal(set) var waitsFor = 0
    /// The clients that it ended because their queues had passed the `sendLimit`.
    public internal(set) var disconnected: [UVConnection.ID] = []

    /// How many clients get it, unless their connections end before.
    public var receivers: Int { sent + queued + replaced }

    /// What became of the message for one receiver.
    enum Outcome {
        case sent, queued, replaced, skipped, disconnected
        /// The connection has ended already, or its own framing refuses the message.
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
