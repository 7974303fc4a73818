/// A group of a listener's clients, such as the members of one chat.
///
/// To join and to leave is O(1).
///
///     let room = UVRoom(of: listener)
///     room.join(client)
///     listener.broadcast("hello", to: .room(room, except: client))
///
/// A member that is above its ``UVConnectionOptions/highWatermark`` after a broadcast is not read
/// from until it has taken enough, unless ``UVConnectionOptions/holdsAboveHighWatermark`` is false.
///
/// A client whose connection ends has left all rooms before `onDisconnected` is called. Like its
/// listener, a room belongs to the loop's thread.
public final class UVRoom {
    private let loop: UVLoop
    private let table: ClientTable
    /// The members, in no order.
    private(set) var all: [UVConnection] = []
    private var places: [UVConnection.ID: Int] = [:]
    /// The name of the server's room that this is a part of.
    private let name: String?

    /// Makes a room without members.
    ///
    /// - Parameter listener: The listener whose clients may join the room.
    public convenience init(of listener: UVListener) {
        listener.loop.confine("UVRoom.init")
        self.init(of: listener, named: nil)
    }

    init(of listener: UVListener, named name: String?) {
        loop = listener.loop
        table = listener.clientTable
        self.name = name
    }

    /// Whether its members are this listener's clients.
    func isOf(_ listener: UVListener) -> Bool {
        listener.clientTable === table
    }

    /// Whether the client belongs to the listener. The table is compared, because the listener may
    /// be gone.
    private func isOfListener(_ client: UVConnection) -> Bool {
        client.listener.map(isOf) ?? false
    }

    /// How many members there are.
    public var count: Int {
        loop.confine("UVRoom.count")
        return all.count
    }

    /// The members, in no particular order.
    public var members: [UVConnection] {
        loop.confine("UVRoom.members")
        return all
    }

    /// Whether a client is a member.
    ///
    /// - Parameter client: The client.
    /// - Returns: Whether the client is a member.
    public func contains(_ client: UVConnection) -> Bool {
        loop.confine("UVRoom.contains")
        return places[client.id] != nil && isOfListener(client)
    }

    /// Adds a client to the room.
    ///
    /// Does nothing if it is a member already, or if its connection has ended.
    ///
    /// - Parameter client: One of the listener's clients. A client of another listener is a
    ///   programmer error.
    public func join(_ client: UVConnection) {
        loop.confine("UVRoom.join")
        precondition(
            isOfListener(client), "UVRoom.join needs a client of the room's listener")
        guard !client.state.isClosed, places[client.id] == nil else { return }
        places[client.id] = all.count
        all.append(client)
        table.rooms[client.id, default: []].append(self)
    }

    /// Removes a client from the room. Does nothing if it is not a member.
    ///
    /// - Parameter client: The client.
    public func leave(_ client: UVConnection) {
        loop.confine("UVRoom.leave")
        guard contains(client) else { return }
        // Nobody in this room needs to wait for the slow client any more.
        if client.isSlow { client.callOnDrainedLater() }
        remove(client)
        table.rooms[client.id]?.removeAll { $0 === self }
    }

    /// Removes a client from the room's own lists. The caller removes the room from the client's
    /// rooms.
    func remove(_ client: UVConnection) {
        defer { endIfEmpty() }
        guard let place = places.removeValue(forKey: client.id), let last = all.popLast(),
            last !== client
        else { return }
        all[place] = last
        places[last.id] = place
    }

    /// A room of the whole server ends with its last member.
    private func endIfEmpty() {
        if let name, all.isEmpty { table.named[name] = nil }
    }
}

/// The receivers of a broadcast.
public struct UVAudience {
    let room: UVRoom?
    let exception: UVConnection?

    /// All of the listener's clients.
    public static var all: Self { Self(room: nil, exception: nil) }

    /// All of the listener's clients except one.
    ///
    /// - Parameter client: The client that does not get it.
    /// - Returns: The audience.
    public static func all(except client: UVConnection) -> Self {
        Self(room: nil, exception: client)
    }

    /// The members of a room.
    ///
    /// - Parameters:
    ///   - room: A room of the listener's clients.
    ///   - client: The client that does not get it, if any.
    /// - Returns: The audience.
    public static func room(_ room: UVRoom, except client: UVConnection? = nil) -> Self {
        Self(room: room, exception: client)
    }
}
