extension UVListener {
    /// How many clients are visited in one turn of the loop.
    private static var visitsInTurn: Int { 256 }

    /// Visits all clients, a part of them in each turn, so that nobody waits for it.
    ///
    /// A client that comes meanwhile is not visited. One that leaves is not visited afterwards.
    /// When clients leave meanwhile, a few others may be visited twice, and none is left out.
    ///
    /// - Parameters:
    ///   - visit: Called with each client.
    ///   - whenDone: Called last.
    func visitClients(
        _ visit: @escaping (UVConnection) -> Void, whenDone: @escaping () -> Void
    ) {
        visitClients(below: clientTable.all.count, visit, whenDone)
    }

    /// Goes down: when a client leaves, the last one takes its place in the table.
    private func visitClients(
        below end: Int, _ visit: @escaping (UVConnection) -> Void,
        _ whenDone: @escaping () -> Void
    ) {
        let end = min(end, clientTable.all.count)
        let start = max(0, end - Self.visitsInTurn)
        for client in clientTable.all[start..<end].reversed() { visit(client) }
        guard start > 0 else { return whenDone() }
        loop.runInNextTurn { [self] in visitClients(below: start, visit, whenDone) }
    }
}
