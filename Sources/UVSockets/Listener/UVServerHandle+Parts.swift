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
