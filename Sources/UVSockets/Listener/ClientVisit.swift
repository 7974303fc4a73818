/// A visit to all clients of a listener, some in each turn of the loop, so that it never holds the
/// loop for long.
///
/// Each client that was there at the beginning is visited exactly once: in its turn, or when it
/// leaves before that. Clients that come meanwhile are not visited.
final class ClientVisit {
    /// How many clients are visited in one turn of the loop.
    static let clientsInTurn = 256

    private let visit: (UVConnection) -> Void
    private let completion: () -> Void
    /// The clients that came before the visit have ids below this one.
    private let firstLaterID: UVConnection.ID
    /// The table's clients before this index have been visited, except those in `moved`.
    private var next = 0
    /// Clients that took a visited client's place in the table before they were visited.
    private var moved: [UVConnection] = []
    private(set) var isOver = false

    init(
        before id: UVConnection.ID, _ visit: @escaping (UVConnection) -> Void,
        completion: @escaping () -> Void
    ) {
        firstLaterID = id
        self.visit = visit
        self.completion = completion
    }

    /// Visits the next clients of the table.
    func proceed(_ table: ClientTable) {
        var left = Self.clientsInTurn
        while left > 0, let client = moved.popLast() {
            visit(client)
            left -= 1
        }
        while left > 0, next < table.all.count {
            let client = table.all[next]
            next += 1
            left -= 1
            if client.id < firstLaterID { visit(client) }
        }
        finishIfDone(table.all.count)
    }

    /// A client is about to leave the table. The last client then takes its place.
    ///
    /// - Parameters:
    ///   - client: The client.
    ///   - last: The table's last client.
    ///   - count: How many clients the table has without the one that leaves.
    func leaves(_ client: UVConnection, last: UVConnection, count: Int) {
        guard !isOver else { return }
        let isVisited = Int(client.tableIndex) < next
        if let index = moved.firstIndex(where: { $0 === client }) {
            moved.remove(at: index)
            visit(client)
        } else if !isVisited, client.id < firstLaterID {
            visit(client)
        }
        if isVisited, Int(last.tableIndex) >= next, last.id < firstLaterID { moved.append(last) }
        next = min(next, count)
        finishIfDone(count)
    }

    private func finishIfDone(_ count: Int) {
        guard !isOver, next >= count, moved.isEmpty else { return }
        isOver = true
        completion()
    }
}

extension UVListener {
    /// Visits each client that is here now: 256 at once, and 256 more in each following turn of
    /// the loop.
    ///
    /// - Parameters:
    ///   - visit: Called once with each client. It may have left meanwhile: then it is called when
    ///     it leaves.
    ///   - completion: Called when all were visited, maybe within this call.
    package func visitClients(
        _ visit: @escaping (UVConnection) -> Void, completion: @escaping () -> Void
    ) {
        loop.confine("UVListener.visitClients")
        let visit = ClientVisit(before: nextID, visit, completion: completion)
        visit.proceed(clientTable)
        guard !visit.isOver else { return }
        clientTable.visits.append(visit)
        proceedInNextTurn(visit)
    }

    private func proceedInNextTurn(_ visit: ClientVisit) {
        loop.runInNextTurn { [self] in
            if !visit.isOver { visit.proceed(clientTable) }
            guard visit.isOver else { return proceedInNextTurn(visit) }
            clientTable.visits.removeAll { $0 === visit }
        }
    }
}
