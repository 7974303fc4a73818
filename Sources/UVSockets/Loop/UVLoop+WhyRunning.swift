extension UVLoop {
    /// What keeps ``run(_:)`` from returning, a line each. Empty if nothing does.
    ///
    ///     the listener made at main.swift:12: listening socket 127.0.0.1:8081
    ///     client 7, 127.0.0.1:49140, of the listener made at main.swift:12
    ///     a timer made at main.swift:31
    ///
    /// At most 100 lines, and then how many more there are.
    public var whyRunning: [String] {
        confine("UVLoop.whyRunning")
        guard !isClosed else { return [] }
        var lines = openHandlesOfOthers().filter(\.isNeeded).map(\.owner)
        if openLookups > 0 { lines.append("\(openLookups) names are being looked up") }
        if nextJob < jobs.count { lines.append("\(jobs.count - nextJob) tasks are to go on") }
        if runsUntilStopped { lines.append("run(.untilStopped), which only stop() ends") }
        let limit = Self.linesLimit
        return lines.count > limit
            ? lines.prefix(limit) + ["and \(lines.count - limit) more"] : lines
    }

    private static var linesLimit: Int { 100 }
}

extension UVConnection {
    /// Whose connection it is, for people.
    var owner: String {
        if let listener = agent as? UVListener {
            return "client \(id), \(peerEndpoint), of the listener made at \(listener.origin)"
        }
        let origin = (agent as? UVConnector)?.origin.map { " of the connector made at \($0)" }
        return "the connection to \(peerEndpoint)\(origin ?? "")"
    }
}
