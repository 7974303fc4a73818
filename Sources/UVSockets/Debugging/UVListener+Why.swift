extension UVListener {
    /// Why no client comes, or why clients have to wait, in one or two sentences with their numbers.
    public var why: String {
        loop.confine("UVListener.why")
        switch state {
        case .idle: return "It does not listen: startAccept was not called, or it has failed."
        case .joining: return "It does not listen yet: its server is not complete."
        case .lookingUp: return "It does not listen yet: the name of \(endpoint) is looked up."
        case .stopped:
            let left = clientTable.all.count
            return left > 0 ? "It is stopping: \(left) clients are left." : "It has stopped."
        case .fed: return "Another loop of its server accepts for it. \(clientsInWords)."
        case .listening(let listening): return why(listening)
        }
    }

    private func why(_ listening: Listening) -> String {
        let waiting = listening.backlog.map { count, limit in
            "\(count + (listening.held == nil ? 0 : 1)) wait in the backlog, which takes \(limit)"
        }
        let backlog = waiting.map { " \($0)." } ?? ""
        if gate.isPaused {
            return
                "Accepting has failed, \(failures) times so far. It tries again within a second.\(backlog)"
        }
        switch part.admissions.nextEntry(now: loop.now) {
        case .whenTold:
            return
                "New clients wait until one leaves: there are as many as may (maxConnections \(part.admissions.limit)).\(backlog)"
        case .after(let wait):
            let time = Duration.milliseconds(wait).inWords
            return
                "New clients wait for the rate (acceptsPerSecond): the next may come in \(time).\(backlog)"
        case .now:
            return
                "It accepts at \(boundEndpoints.map(\.description).joined(separator: ", ")). \(clientsInWords).\(backlog)"
        }
    }

    private var clientsInWords: String {
        clientTable.all.count == 1
            ? "1 client is here" : "\(clientTable.all.count) clients are here"
    }
}
