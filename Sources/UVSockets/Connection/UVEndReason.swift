/// Why a connection ended.
///
/// The first cause counts: if a kicked peer then closes, the reason is ``kicked``.
///
/// More cases may come: a `switch` over them needs an `@unknown default`.
#if hasAttribute(nonexhaustive)
    @nonexhaustive
#endif
public enum UVEndReason: Sendable, Hashable {
    /// The peer finished sending, and what was queued for it has left.
    case peerClosed
    /// The peer reset the connection.
    case peerReset
    /// The peer stopped answering: its machine or the network is gone.
    case peerVanished
    /// ``UVConnection/close()`` was called.
    case closed
    /// ``UVConnection/reset()`` was called.
    case reset
    /// ``UVListener/kick(_:)-(UVConnection)`` was called.
    case kicked
    /// More bytes were queued than the `sendLimit` allows: the peer does not read what it is sent.
    case slowReceiver
    /// Bytes were queued, and the kernel took none of them during the `writeStallTimeout`.
    case stalled
    /// All clients together had more queued bytes than the `outboundBudget` allows.
    ///
    /// This client was among those with the most queued bytes.
    case outboundBudgetExceeded
    /// Nothing was received during the `idleTimeout`, or no message in the time for which the
    /// client's handler waited.
    case idle
    /// No message came within the `firstMessageTimeout`.
    case noFirstMessage
    /// A message did not come whole within the `messageTimeout`.
    case messageTooSlow
    /// The connection has reached its `maximumLifetime`.
    case lifetimeOver
    /// The peer sent bytes that do not fit the connection's framing, or ended within a frame.
    indirect case framing(FramingError)
    /// The listener was stopped.
    case listenerStopped
    /// The task that handled the connection has thrown an error.
    case handlerFailed
    /// A system call failed.
    indirect case failed(UVError)

    /// The reasons without their details, for counting. The raw values start at 0.
    ///
    /// More cases may come: a `switch` over them needs an `@unknown default`.
    #if hasAttribute(nonexhaustive)
        @nonexhaustive
    #endif
    public enum Kind: Int, Sendable, Hashable, CaseIterable {
        case peerClosed, peerReset, peerVanished, closed, reset, kicked, slowReceiver, stalled
        case outboundBudgetExceeded, idle, noFirstMessage, messageTooSlow, lifetimeOver, framing,
            listenerStopped
        case handlerFailed, failed
    }

    /// The reason without its details.
    public var kind: Kind {
        switch self {
        case .peerClosed: .peerClosed
        case .peerReset: .peerReset
        case .peerVanished: .peerVanished
        case .closed: .closed
        case .reset: .reset
        case .kicked: .kicked
        case .slowReceiver: .slowReceiver
        case .stalled: .stalled
        case .outboundBudgetExceeded: .outboundBudgetExceeded
        case .idle: .idle
        case .noFirstMessage: .noFirstMessage
        case .messageTooSlow: .messageTooSlow
        case .lifetimeOver: .lifetimeOver
        case .framing: .framing
        case .listenerStopped: .listenerStopped
        case .handlerFailed: .handlerFailed
        case .failed: .failed
        }
    }
}

extension UVEndReason: Error {}

extension UVEndReason: CustomStringConvertible {
    /// A short text for a log or a person.
    public var description: String {
        switch self {
        case .peerClosed: "closed by the peer"
        case .peerReset: "reset by the peer"
        case .peerVanished: "the peer stopped answering"
        case .closed: "closed"
        case .reset: "reset"
        case .kicked: "kicked"
        case .slowReceiver: "too slow to receive"
        case .stalled: "the peer reads nothing"
        case .outboundBudgetExceeded:
            "the outbound budget was exceeded, and much of it was queued for this client"
        case .idle: "idle"
        case .noFirstMessage: "no message came in time"
        case .messageTooSlow: "a message took too long to come whole"
        case .lifetimeOver: "its maximum lifetime was reached"
        case .framing(let error): "\(error)"
        case .listenerStopped: "the listener stopped"
        case .handlerFailed: "its handler failed"
        case .failed(let error): "failed: \(error)"
        }
    }
}
