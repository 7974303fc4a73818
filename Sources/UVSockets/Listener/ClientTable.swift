/// The listener's clients.
///
/// It needs no lock: it belongs to a listener, which is not `Sendable` and stays on its loop's
/// thread. To join, leave and find a client is O(1).
struct ClientTable {
    /// The clients, in no order.
    private(set) var all: [UVConnection] = []
    private var byID: [UVConnection.ID: UVConnection] = [:]

    subscript(id: UVConnection.ID) -> UVConnection? { byID[id] }

    mutating func join(_ client: UVConnection) {
        client.tableIndex = all.count
        all.append(client)
        byID[client.id] = client
    }

    mutating func leave(_ client: UVConnection) {
        guard byID.removeValue(forKey: client.id) != nil, let last = all.popLast() else { return }
        guard last !== client else { return }
        all[client.tableIndex] = last
        last.tableIndex = client.tableIndex
    }
}
