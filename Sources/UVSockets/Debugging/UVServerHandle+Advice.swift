extension UVServerHandle {
    /// What is used wrongly in general, a sentence each. Empty if nothing is found.
    ///
    /// It looks at the loops' counters, at each client, at the last events of the flight recorder
    /// and at the process:
    ///
    /// - clients were sent to again after `send` had said that their queue is full;
    /// - clients have been paused for more than a minute;
    /// - single messages leave in writes of their own;
    /// - the backlog is full, or has overflowed since the last call;
    /// - nine tenths of the descriptors are in use.
    ///
    /// Any thread may ask. A loop that does not answer within 250 ms is named and left out.
    ///
    /// - Returns: The sentences.
    nonisolated(nonsending) public func advice() async -> [String] {
        var findings = Findings()
        for part in parts {
            let found: Findings? = await ask(part) { listener, reply in
                listener.look(reply)
            }
            guard let found else {
                findings.sentences.append(blocked(part).description)
                continue
            }
            findings.add(found)
        }
        let writes = loops.compactMap(\.recorder).map { manyWrites(in: $0) }.reduce(0, +)
        return findings.advice(manyWrites: writes)
    }

    /// How often, in the last events, a client was sent four or more small writes in a row within a
    /// millisecond, while nothing came from it.
    private func manyWrites(in recorder: FlightRecorder) -> Int {
        struct Client: Hashable {
            let connection: UInt64
            let agent: UInt32
        }
        var rows: [Client: (milliseconds: UInt64, writes: Int)] = [:]
        var count = 0
        for record in recorder.last(16_384) {
            let client = Client(connection: record.connection, agent: record.agent)
            // A small write is one that a segment has room for.
            guard record.event == .sent, record.first < 1400 else {
                rows[client] = nil
                continue
            }
            let time = UInt64(record.milliseconds)
            let row = rows[client].flatMap { $0.milliseconds == time ? $0.writes : nil } ?? 0
            rows[client] = (time, row + 1)
            if row + 1 == 4 { count += 1 }
        }
        return count
    }
}

/// What a look at a server has found.
private struct Findings: Sendable {
    var sentences: [String] = []
    private var fullAnswers: UInt64 = 0
    private var filledQueues: UInt64 = 0
    private var paused: [UVConnection.ID] = []
    private var pausedCount = 0
    private var isBacklogFull = false

    init() {}

    init(_ listener: UVListener) {
        fullAnswers = listener.events.guards.fullAnswers
        filledQueues = listener.events.guards.watermarkRises
        if case .listening(let listening) = listener.state, let backlog = listening.backlog {
            isBacklogFull = backlog.limit > 0 && backlog.waiting >= backlog.limit
        }
    }

    /// So long may a client be paused.
    private static let longestPause: UInt64 = 60_000

    mutating func see(_ client: UVConnection) {
        guard client.holds.contains(.paused),
            client.deadlines.quiet(at: client.loop.now) > Self.longestPause
        else { return }
        pausedCount += 1
        if paused.count < 5 { paused.append(client.id) }
    }

    mutating func add(_ other: Findings) {
        fullAnswers += other.fullAnswers
        filledQueues += other.filledQueues
        pausedCount += other.pausedCount
        paused = Array((paused + other.paused).prefix(5))
        isBacklogFull = isBacklogFull || other.isBacklogFull
    }

    /// The number of overflows at the last look.
    private static let overflowsBefore = Locked<UInt64?>(nil)

    func advice(manyWrites: Int) -> [String] {
        var sentences = sentences
        // One answer for each time that a queue has filled is no mistake.
        if fullAnswers > 10, fullAnswers > 4 * filledQueues {
            sentences.append(
                "\(fullAnswers) messages were sent to clients whose queue was full (takenButFull): wait for onDrained, or for room, before you send more."
            )
        }
        if pausedCount > 0 {
            let ids = paused.map { "\($0)" }.joined(separator: ", ")
            sentences.append(
                "\(pausedCount) clients have been paused for more than a minute (\(ids)): set a timer that resumes them, or closes them."
            )
        }
        if manyWrites > 10 {
            sentences.append(
                "\(manyWrites) of the last turns sent a client four or more small writes: send within one callback, or put the messages together, so that they leave in one write."
            )
        }
        if isBacklogFull {
            sentences.append(
                "The backlog is full: clients that come now are not answered. Raise backlog and net.core.somaxconn, or accept on more loops."
            )
        }
        if let overflows = backlogOverflows() {
            let before = Self.overflowsBefore.withLock { last in
                defer { last = overflows }
                return last ?? overflows
            }
            if overflows > before {
                sentences.append(
                    "Backlogs of this machine have overflowed \(overflows - before) times since the last look."
                )
            }
        }
        if let used = openDescriptors() {
            let limit = DescriptorLimit.current
            if used * 10 >= limit * 9 {
                sentences.append(
                    "\(used * 100 / max(1, limit)) % of the \(limit) descriptors are in use: raise the limit (ulimit -n), or lower maxConnections."
                )
            }
        }
        return sentences
    }
}

extension UVListener {
    fileprivate func look(_ reply: @escaping @Sendable (Findings) -> Void) {
        let findings = Locked(Findings(self))
        visitClients { client in
            findings.withLock { $0.see(client) }
        } completion: {
            reply(findings.withLock { $0 })
        }
    }
}
