import UVSockets

/// A listener, and what may be done to it.
final class ListenerEntry {
    enum Owner {
        /// The stress has made it, and starts and stops it.
        case world
        /// It is a part of a server, which its loops share.
        case server
        /// It is a part of a server whose callbacks bring tasks: they may not be replaced.
        case tasks
    }

    let listener: UVListener
    let owner: Owner
    /// Whether well-behaved clients depend on it.
    let isSteady: Bool
    /// Whether it was told to stop.
    var isStopped = false
    private var last: UVListenerStats

    init(_ listener: UVListener, _ owner: Owner, isSteady: Bool) {
        self.listener = listener
        self.owner = owner
        self.isSteady = isSteady
        last = listener.stats
    }

    /// What is wrong with what it tells.
    func check() -> String? {
        let now = listener.stats
        defer { last = now }
        let isForward =
            now.accepted >= last.accepted && now.bytesReceived >= last.bytesReceived
            && now.bytesSent >= last.bytesSent && now.messagesReceived >= last.messagesReceived
            && now.refusals.total >= last.refusals.total && now.peakClients >= last.peakClients
            && now.acceptFailures >= last.acceptFailures && now.rateHolds >= last.rateHolds
            && now.evictions >= last.evictions && now.skips >= last.skips
            && last.ends.allSatisfy { now.ends[$0.key, default: 0] >= $0.value }
        guard isForward else { return "a listener's counter went backwards: \(last), then \(now)" }
        let ended = now.ends.values.reduce(0, +)
        guard now.accepted == ended + UInt64(now.clients) else {
            return "\(now.accepted) clients came, \(ended) ended, and there are \(now.clients)"
        }
        return now.bytesQueued >= 0 ? nil : "\(now.bytesQueued) bytes are queued"
    }
}

/// A group, with the listener whose clients may join it.
struct RoomEntry {
    let room: UVRoom
    let listener: UVListener
}

/// A connection in the hands of tasks.
final class TaskEntry {
    let connection: UVAsyncConnection
    let isSteady: Bool
    /// Whether a task waits for its messages: a second one may not.
    var isReceiving = false
    /// Whether a task waits for room to send.
    var isSending = false
    /// Whether a task waits for room to send on the connection of a client that is not well-behaved.
    var mayBeCrowded: Bool { isSending && !isSteady }

    init(_ connection: UVAsyncConnection, isSteady: Bool) {
        self.connection = connection
        self.isSteady = isSteady
    }
}
