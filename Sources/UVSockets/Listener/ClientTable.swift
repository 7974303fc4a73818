/// The listener's clients.
///
/// It needs no lock: it belongs to a listener, which is not `Sendable` and stays on its loop's
/// thread. To join, leave and find a client is O(1); the first that is looked for by its id costs a
/// visit to each, for only then is an index of the ids made, which most servers never need.
final class ClientTable {
    /// The clients, in no order.
    private(set) var all: [UVConnection] = []
    private var byID: [UVConnection.ID: UVConnection]?
    /// The rooms of those clients that are in any.
    var rooms: [UVConnection.ID: [UVRoom]] = [:]

    subscript(id: UVConnection.ID) -> UVConnection? {
        if byID == nil { byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) }) }
        return byID?[id]
    }

    func join(_ client: UVConnection) {
        client.tableIndex = Int32(all.count)
        all.append(client)
        byID?[client.id] = client
    }

    func leave(_ client: UVConnection) {
        let index = Int(client.tableIndex)
        guard index < all.count, all[index] === client, let last = all.popLast() else { return }
        byID?[client.id] = nil
        guard last !== client else { return }
        all[index] = last
        last.tableIndex = Int32(index)
    }
}
