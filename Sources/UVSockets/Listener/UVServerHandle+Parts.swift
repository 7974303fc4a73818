extension UVServerHandle {
    /// Asks all listeners, or the one that has a client, and waits for the answers.
    ///
    /// - Parameters:
    ///   - id: The client's id; nil for all listeners.
    ///   - question: Called on the loop of each, with a closure that takes the answer.
    /// - Returns: The answers. A closed loop gives none.
    nonisolated(nonsending) package func askListeners<Answer: Sendable>(
        of id: UVConnection.ID? = nil,
        _ question:
            @escaping @Sendable (UVListener, @escaping @Sendable (Answer) -> Void) -> Void
    ) async -> [Answer] {
        guard let id else { return await ask(question) }
        return await ask(part(of: id).map { [$0] } ?? [], question)
    }
}
// The loops of a server one by one, for those that must not wait for a blocked loop.
extension UVServerHandle {
    /// How many loops serve its clients.
    package var loopCount: Int { parts.count }

    /// The index of the loop that serves the client with this id; nil if there is no such client.
    package func loopIndex(ofClient id: UVConnection.ID) -> Int? {
        id > 0 ? Int((id - 1) % UInt64(parts.count)) : nil
    }

    /// Runs a closure with the listener of one loop, as ``forEachListener(_:)`` does on each.
    ///
    /// - Parameters:
    ///   - index: The loop's index.
    ///   - body: The closure to run.
    /// - Returns: False if the loop is closed. Then the closure does not run.
    package func post(
        toLoop index: Int, _ body: @escaping @Sendable (UVListener) -> Void
    ) -> Bool {
        parts[index].post(body)
    }

    /// How the messages of its clients are divided.
    package var messageFraming: UVFraming { framing }

    /// The last events of a client. It does not ask the loop, which may be blocked.
    ///
    /// - Parameters:
    ///   - id: The client's id.
    ///   - limit: How many events at most.
    /// - Returns: The events, the oldest first.
    package func recordedEvents(
        ofClient id: UVConnection.ID, last limit: Int
    ) -> [UVRecordedEvent] {
        guard let part = part(of: id) else { return [] }
        let records = part.loop.recorder?.last(limit) {
            $0.connection == id && $0.agent == part.number
        }
        return (records ?? []).map(UVRecordedEvent.init)
    }
}

extension UVLoop {
    /// How many submissions wait for the loop. Any thread may ask.
    package var submissionsWaiting: Int { inbox.counts.waiting }

    /// How many events the loop has recorded so far. Any thread may ask.
    package var recordedEventCount: UInt64 { recorder?.count ?? 0 }
}
