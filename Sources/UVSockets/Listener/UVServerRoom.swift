/// A room of a whole server: clients of all of its loops, found by a name.
///
///     try await UVListener.serve(at: "[::]:8081", framing: .lines, loops: 4) { client in
///         guard let room = client.server?.room("tea") else { return }
///         room.join(client)
///         for try await line in client.messages {
///             await room.broadcast(line, except: client.id)
///         }
///     }
///
/// The room exists while it has members. A client leaves all rooms when its connection ends. Any
/// task and any thread may use this value.
///
/// On one loop, a ``UVRoom`` does the same without a name, at the cost of no other loop.
public struct UVServerRoom: Sendable {
    /// The server whose clients may be members.
    public let server: UVServerHandle
    /// The name.
    public let name: String

    /// Adds a client to the room. Call this on the client's loop, as a callback does.
    ///
    /// It does nothing if the client is a member already, has ended, or is not one of the server's.
    ///
    /// - Parameter client: The client.
    public func join(_ client: UVConnection) {
        server.part(of: client)?.join(client, roomNamed: name)
    }

    /// Removes a client from the room. Call this on the client's loop, as a callback does.
    ///
    /// It does nothing if the client is not a member.
    ///
    /// - Parameter client: The client.
    public func leave(_ client: UVConnection) {
        server.part(of: client)?.clientTable.named[name]?.leave(client)
    }

    /// How many members there are on all loops.
    ///
    /// - Returns: The count. Each loop's part is from the moment at which that loop was asked.
    nonisolated(nonsending) public func count() async -> Int {
        await server.ask { [name] in $1($0.clientTable.named[name]?.count ?? 0) }.reduce(0, +)
    }

    /// The ids of the members on all loops, in no particular order.
    ///
    /// - Returns: The ids. Each loop's part is from the moment at which that loop was asked.
    nonisolated(nonsending) public func members() async -> [UVConnection.ID] {
        await server.ask { [name] in $1($0.clientTable.named[name]?.members.map(\.id) ?? []) }
            .flatMap(\.self)
    }

    /// Sends one message to all members, and waits until each loop has sent it to its own.
    ///
    /// It works as ``UVServerHandle/broadcast(_:except:whenSlow:)-([UInt8],_,_)`` does.
    ///
    /// A member that is above its ``UVConnectionOptions/highWatermark`` after this is not read from
    /// until it has taken enough, unless ``UVConnectionOptions/holdsAboveHighWatermark`` is false.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: The member that does not get it, if any.
    ///   - slow: What to do with slow members.
    /// - Returns: What became of the message, on all loops together.
    @discardableResult
    nonisolated(nonsending) public func broadcast(
        _ message: [UInt8], except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        await server.broadcast(message, to: audience(exception), slow)
    }

    /// Sends one text to all members, as ``broadcast(_:except:whenSlow:)-([UInt8],_,_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one, sent as UTF-8.
    ///   - exception: The member that does not get it, if any.
    ///   - slow: What to do with slow members.
    /// - Returns: What became of the message, on all loops together.
    @discardableResult
    nonisolated(nonsending) public func broadcast(
        _ text: some StringProtocol, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) async -> UVBroadcastReceipt {
        await broadcast(Array(text.utf8), except: exception, whenSlow: slow)
    }

    /// Sends one message to all members without waiting for the result.
    ///
    /// A member that is above its ``UVConnectionOptions/highWatermark`` after this is not read from
    /// until it has taken enough, unless ``UVConnectionOptions/holdsAboveHighWatermark`` is false.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - exception: The member that does not get it, if any.
    ///   - slow: What to do with slow members. ``UVSlowReceiver/wait`` is a programmer error here.
    /// - Returns: False if it is not sent on every loop, as for
    ///   ``UVServerHandle/post(_:except:whenSlow:)-([UInt8],_,_)``.
    @discardableResult
    public func post(
        _ message: [UInt8], except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        server.post(message.span, to: audience(exception), slow)
    }

    /// Sends one text to all members without waiting for the result.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one, sent as UTF-8.
    ///   - exception: The member that does not get it, if any.
    ///   - slow: What to do with slow members.
    /// - Returns: As ``post(_:except:whenSlow:)-([UInt8],_,_)`` does.
    @discardableResult
    public func post(
        _ text: some StringProtocol, except exception: UVConnection.ID? = nil,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> Bool {
        post(Array(text.utf8), except: exception, whenSlow: slow)
    }

    private func audience(_ exception: UVConnection.ID?) -> ServerAudience {
        ServerAudience(room: name, exception: exception)
    }
}

extension UVServerHandle {
    /// A room of this server.
    ///
    /// - Parameter name: The name. Rooms with the same name are the same room.
    /// - Returns: The room. It has no members until clients join.
    public func room(_ name: String) -> UVServerRoom {
        UVServerRoom(server: self, name: name)
    }

    /// The listener of one of this server's clients, for a caller on the client's loop. Nil if it is
    /// not one of the server's.
    func part(of client: UVConnection) -> UVListener? {
        guard let listener = client.listener, listener.serverHandle === self else { return nil }
        return listener
    }
}

/// The receivers of a broadcast to clients of many loops.
struct ServerAudience: Sendable {
    /// The name of a room. Nil means all clients.
    var room: String?
    var exception: UVConnection.ID?
}

extension UVListener {
    func join(_ client: UVConnection, roomNamed name: String) {
        guard !client.state.isClosed else { return }
        let room = clientTable.named[name] ?? UVRoom(of: self, named: name)
        clientTable.named[name] = room
        room.join(client)
    }

    /// The part of the audience on this loop; nil if there is none. The exception may be a client of
    /// another loop.
    func audience(_ audience: ServerAudience) -> UVAudience? {
        let exception = audience.exception.flatMap { clientTable[$0] }
        guard let name = audience.room else { return exception.map { .all(except: $0) } ?? .all }
        return clientTable.named[name].map { .room($0, except: exception) }
    }

    /// How many clients of the audience are slow.
    func slowClients(of audience: ServerAudience) -> Int {
        self.audience(audience).map { slowClients(of: $0) } ?? 0
    }

    @discardableResult
    func broadcast(_ message: SharedMessage, to audience: ServerAudience) -> UVBroadcastReceipt {
        guard let audience = self.audience(audience) else { return UVBroadcastReceipt() }
        return message.withPayload { send(message.buffer, $0, to: audience, message.slow) }
    }
}
