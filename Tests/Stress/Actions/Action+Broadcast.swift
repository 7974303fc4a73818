import UVSockets

extension Action {
    static let broadcasts: [Action] = [
        listener("broadcast(_:to:whenSlow:)-(Span<UInt8>)") { world, entry in
            world.check(
                entry.listener.broadcast(
                    world.message(for: entry).span, to: world.audience(of: entry.listener),
                    whenSlow: world.random.slowReceiver()))
        },
        listener("broadcast(_:to:whenSlow:)-([UInt8])") { world, entry in
            world.check(
                entry.listener.broadcast(
                    world.message(for: entry), to: world.audience(of: entry.listener),
                    whenSlow: world.random.slowReceiver()))
        },
        listener("broadcast(_:to:whenSlow:)-(some Collection<UInt8>)") { world, entry in
            world.check(
                entry.listener.broadcast(
                    world.message(for: entry)[...], to: world.audience(of: entry.listener),
                    whenSlow: world.random.slowReceiver()))
        },
        listener("broadcast(_:to:whenSlow:)-(some StringProtocol)") { world, entry in
            world.check(
                entry.listener.broadcast(
                    "news", to: world.audience(of: entry.listener),
                    whenSlow: world.random.slowReceiver()))
        },
    ]

    /// A call on a room.
    private static func room(
        _ name: String, _ body: @escaping @Sendable (World, RoomEntry) -> Void
    ) -> Action {
        Action("UVRoom.\(name)") { world in
            guard let entry = world.rooms.pick(&world.random) else { return }
            body(world, entry)
        }
    }

    static let rooms: [Action] = [
        Action("UVRoom.init(of:)") { world in
            guard let entry = world.listeners.pick(&world.random) else { return }
            world.rooms.add(
                RoomEntry(room: UVRoom(of: entry.listener), listener: entry.listener))
        },
        room("join(_:)") { world, entry in
            // Clients of other listeners trap, by contract.
            guard let record = world.anyRecord(), record.connection.listener === entry.listener
            else { return }
            entry.room.join(record.connection)
            if record.hasEnded {
                world.expect(!entry.room.contains(record.connection), "the ended do not join")
            }
        },
        room("leave(_:)") { world, entry in
            guard let record = world.anyRecord() else { return }
            entry.room.leave(record.connection)
            world.expect(!entry.room.contains(record.connection), "who has left is no member")
        },
        room("contains(_:)") { world, entry in
            guard let record = world.anyRecord() else { return }
            let isMember = entry.room.contains(record.connection)
            world.expect(!isMember || !record.hasEnded, "the ended are no members")
        },
        room("count") { $0.expect($1.room.count >= 0, "it counts") },
        room("members") { world, entry in
            let members = entry.room.members
            world.expect(members.count == entry.room.count, "as many as are counted")
            let isLive = members.allSatisfy { world.isLive($0) }
            world.expect(isLive, "the ended are no members")
        },
    ]
}

extension World {
    /// A message that all clients of a listener may be sent.
    fileprivate func message(for entry: ListenerEntry) -> [UInt8] {
        entry.isSteady ? random.line() : random.message()
    }

    fileprivate func audience(of listener: UVListener) -> UVAudience {
        let client = anyRecord()?.connection
        let room = rooms.all.last { $0.listener === listener }?.room
        return switch (random.number(0...2), client, room) {
        case (0, let client?, _): .all(except: client)
        case (1, _, let room?): .room(room, except: client)
        default: .all
        }
    }

    fileprivate func check(_ receipt: UVBroadcastReceipt) {
        let sum = receipt.sent + receipt.queued + receipt.replaced
        expect(sum == receipt.receivers && receipt.skipped >= 0, "a receipt adds up")
    }
}
