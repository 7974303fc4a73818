import UVSockets

/// A connection, and what has been seen of it so far.
final class Record {
    let connection: UVConnection
    /// Whether a well-behaved client is at its other end, to which nothing harmful may be done.
    let isSteady: Bool
    private(set) var hasEnded = false
    private var last: UVConnectionStats

    init(_ connection: UVConnection, isSteady: Bool) {
        self.connection = connection
        self.isSteady = isSteady
        last = connection.stats
    }

    /// Notes its end.
    ///
    /// - Returns: What is wrong with that.
    func end() -> String? {
        guard !hasEnded else { return "onDisconnected is called again" }
        hasEnded = true
        return check()
    }

    /// What is wrong with what it tells.
    func check() -> String? {
        if hasEnded, let endpoint = connection.localEndpoint {
            return "an ended connection has the local endpoint \(endpoint)"
        }
        if hasEnded, connection.isOpen { return "an ended connection is open" }
        let now = connection.stats
        defer { last = now }
        let isSteady =
            now.bytesReceived >= last.bytesReceived && now.bytesSent >= last.bytesSent
            && now.messagesReceived >= last.messagesReceived && now.age >= last.age
            && now.bytesQueued >= 0
        return isSteady ? nil : "a counter went backwards: \(last), then \(now)"
    }
}
