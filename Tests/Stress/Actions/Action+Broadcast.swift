import UVSockets

extension Action {
    static let broadcasts: [Action] = [
        listener("broadcast(_:to:slow:)-(Span<UInt8>)") { world, entry in
            world.check(
                entry.listener.broadcast(
                    world.message(for: entry).span, to: world.audience(of: entry.listener),
                    slow: world.random.slowReceiver()))
        },
        listener("broadcast(_:to:slow:)-([UInt8])") { world, entry in
            world.check(
                entry.listener.broadcast(
                    world.message(for: entry), to: world.audience(of: entry.listener),
                    slow: world.random.slowReceiver()))
        },
        listener("broadcast(_:to:slow:)-(String)") { world, entry in
            world.check(
                entry.listener.broadcast(
                    "news", to: world.audience(of: entry.listener),
                    slow: world.random.slowReceiver()))
        },
    ]

    /// A call on a group.
    private static func group(
        _ name: String, _ body: @escaping @Sendable (World, GroupEntry) -> Void
    ) -> Action {
        Action("UVGroup.\(name)") { world in
            guard let entry = world.groups.pick(&world.random) else { return }
            body(world, entry)
        }
    }

    static let groups: [Action] = [
        Action("UVGroup.init(of:)") { world in
            guard let entry = world.listeners.pick(&world.random) else { return }
            world.groups.add(
                GroupEntry(group: UVGroup(of: entry.listener), listener: entry.listener))
        },
        group("join(_:)") { world, entry in
            // Clients of other listeners trap, by contract.
            guard let record = world.anyRecord(), record.connection.listener === entry.listener
            else { return }
            entry.group.join(record.connection)
            if record.hasEnded {
                world.expect(!entry.group.contains(record.connection), "the ended do not join")
            }
        },
        group("leave(_:)") { world, entry in
            guard let record = world.anyRecord() else { return }
            entry.group.leave(record.connection)
            world.expect(!entry.group.contains(record.connection), "who has left is no member")
        },
        group("contains(_:)") { world, entry in
            guard let record = world.anyRecord() else { return }
            let isMember = entry.group.contains(record.connection)
            world.expect(!isMember || !record.hasEnded, "the ended are no members")
        },
        group("count") { $0.expect($1.group.count >= 0, "it counts") },
        group("members") { world, entry in
            let members = entry.group.members
            world.expect(members.count == entry.group.count, "as many as are counted")
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
        let group = groups.all.last { $0.listener === listener }?.group
        return switch (random.number(0...2), client, group) {
        case (0, let client?, _): .allBut(client)
        case (1, _, let group?): .group(group, but: client)
        default: .all
        }
    }

    fileprivate func check(_ receipt: UVBroadcastReceipt) {
        let sum = receipt.sent + receipt.queued + receipt.replaced
        expect(sum == receipt.receivers && receipt.skipped >= 0, "a receipt adds up")
    }
}
