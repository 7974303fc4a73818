/// The listener's clients.
///
/// It needs no lock: it belongs to a listener, which is not `Sendable` and stays on its loop's
/// thread. To join, to leave and to find a client is O(1). Only a lookup by id needs an index of
/// the ids. The first lookup builds the index, which visits each client.
final class ClientTable {
    private var members = Members()
    /// The rooms of each client that is in at least one room.
    var rooms: [UVConnection.ID: [UVRoom]] = [:]
    /// The rooms of the whole server that have members here, by their names.
    var named: [String: UVRoom] = [:]
    /// The visits that have not come to every client yet.
    var visits: [ClientVisit] = []

    /// The clients, in no order.
    var all: [UVConnection] { members.all }

    subscript(id: UVConnection.ID) -> UVConnection? { members.find(id) }

    func join(_ client: UVConnection) {
        members.join(client)
    }

    func leave(_ client: UVConnection) {
        if !visits.isEmpty, members.contains(client), let last = members.all.last {
            for visit in visits { visit.leaves(client, last: last, count: members.all.count - 1) }
        }
        members.leave(client)
    }
}

/// A struct, so that one change is one exclusive access to the table, however many fields it
/// touches.
private struct Members {
    private(set) var all: [UVConnection] = []
    private var byID: [UVConnection.ID: UVConnection]?

    mutating func find(_ id: UVConnection.ID) -> UVConnection? {
        if byID == nil { byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) }) }
        return byID?[id]
    }

    func contains(_ client: UVConnection) -> Bool {
        let index = Int(client.tableIndex)
        return index < all.count && all[index] === client
    }

    mutating func join(_ client: UVConnection) {
        client.tableIndex = Int32(all.count)
        all.append(client)
        byID?[client.id] = client
    }

    mutating func leave(_ client: UVConnection) {
        guard contains(client), let last = all.popLast() else { return }
        let index = Int(client.tableIndex)
        byID?[client.id] = nil
        guard last !== client else { return }
        all[index] = last
        last.tableIndex = Int32(index)
    }
}
