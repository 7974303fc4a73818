import Foundation
import Testing

@testable import UVSockets

/// Rooms and single clients, found from any thread on one loop or on several.
@Suite("Rooms of a server", .onPool, .alsoInMemory, .timeLimit(.minutes(2)))
struct ServerRoomTests {
    @Test(
        "A message reaches the members of a room on every loop, and nobody else", arguments: [1, 3])
    func members(loops: Int) async throws {
        let joined = Journal<UVConnection.ID>()
        try await withTaskServer(
            framing: .lines, loops: loops,
            handler: { client in
                guard let server = client.server, let name = try await client.nextMessage() else {
                    return
                }
                let room = server.room(String(message: name.span))
                room.join(client)
                // Once more is no more.
                room.join(client)
                joined.append(client.id)
                for try await line in client.messages {
                    if line == Array("leave".utf8) {
                        room.leave(client)
                        try await client.send("left")
                    } else {
                        let receipt = await room.broadcast(line, except: client.id)
                        try await client.send("\(receipt.receivers) got it")
                    }
                }
            },
            body: { server in
                let remote = server.remote
                let tea = try (0..<4).map { _ in try server.connect() }
                let coffee = try server.connect()
                for peer in tea { try peer.send("tea\n") }
                try coffee.send("coffee\n")
                try joined.wait(for: 5)
                try tea[0].send("hello\n")
                #expect(try tea[0].receive(9) == Array("3 got it\n".utf8))
                for peer in tea.dropFirst() {
                    #expect(try peer.receive(6) == Array("hello\n".utf8))
                }
                try tea[3].send("leave\n")
                #expect(try tea[3].receive(5) == Array("left\n".utf8))
                tea[2].close()
                try Self.wait(for: 2, in: remote.room("tea"))
                #expect(remote.room("tea").post("posted"))
                for peer in tea.prefix(2) {
                    #expect(try peer.receive(7) == Array("posted\n".utf8))
                }
                #expect(remote.post("all"))
                #expect(try tea[3].receive(4) == Array("all\n".utf8))
                #expect(try coffee.receive(4) == Array("all\n".utf8))
                for peer in tea.prefix(2) { peer.close() }
                try Self.wait(for: 0, in: remote.room("tea"))
                // A room without members is gone on every loop.
                let names = Journal<[String]>()
                remote.forEachListener { names.append(Array($0.clientTable.named.keys)) }
                #expect(try names.wait(for: loops).flatMap(\.self) == ["coffee"])
            })
    }

    /// Waits until a room has so many members, which other threads learn of later.
    private static func wait(for count: Int, in room: UVServerRoom) throws {
        let counts = Journal<Int>()
        for asked in 1... {
            Task {
                let members = await room.members()
                counts.append(await room.count() == members.count ? members.count : -1)
            }
            if try counts.wait(for: asked)[asked - 1] == count { return }
        }
    }

    @Test("Clients join from an actor and from a thread, and callbacks join theirs")
    func elsewhere() async throws {
        actor Host {
            var members: [UVAsyncConnection] = []

            func admit(_ client: UVAsyncConnection) {
                client.server?.room("everybody").join(client)
                members.append(client)
            }
        }
        let (host, joined) = (Host(), Journal<Void>())
        try await withTaskServer(
            framing: .lines, loops: 2,
            setUp: { listener in
                listener.onConnected = { listener.remote.room("by callback").join($0) }
            },
            handler: { client in
                await host.admit(client)
                Thread.detachNewThread {
                    client.server?.room("by thread").join(client)
                    joined.append(())
                }
                for try await _ in client.messages {}
            },
            body: { server in
                let peers = try (0..<3).map { _ in try server.connect() }
                try joined.wait(for: 3)
                for name in ["everybody", "by callback", "by thread"] {
                    let room = server.remote.room(name)
                    try Self.wait(for: 3, in: room)
                    #expect(room.post(name))
                    for peer in peers {
                        #expect(try peer.receive(name.count + 1) == Array((name + "\n").utf8))
                    }
                }
            })
    }

    @Test("One client is reached by its id, on whatever loop it is", arguments: [1, 3])
    func single(loops: Int) async throws {
        let connected = Journal<UVConnection.ID>()
        try await withTaskServer(
            framing: .lines, loops: loops,
            handler: { client in
                connected.append(client.id)
                for try await line in client.messages {
                    // From one client's handler to another client, which may be on another loop.
                    let other = UVConnection.ID(String(message: line.span)) ?? 0
                    let result = try await client.server?.send("from \(client.id)", to: other)
                    try await client.send("\(result == .taken)")
                }
            },
            body: { server in
                let peers = try (0..<4).map { index in
                    let peer = try server.connect()
                    return (peer, try connected.wait(for: index + 1)[index])
                }
                for (peer, id) in peers {
                    for (other, otherID) in peers where otherID != id {
                        try peer.send("\(otherID)\n")
                        #expect(try peer.receive(5) == Array("true\n".utf8))
                        let word = "from \(id)\n"
                        #expect(try other.receive(word.count) == Array(word.utf8))
                    }
                    #expect(server.remote.post("posted", to: id) == .posted)
                    #expect(try peer.receive(7) == Array("posted\n".utf8))
                }
                try peers[0].0.send("12345\n")
                #expect(try peers[0].0.receive(6) == Array("false\n".utf8))
                let results = Journal<UVSendResult?>()
                for id: UVConnection.ID in [0, 1_000_000] {
                    Task { results.append(try? await server.remote.send("x", to: id)) }
                }
                #expect(try results.wait(for: 2) == [.closed, .closed])
            })
    }

    @Test("A send to one client waits for it to read, ends with it, and with its own task")
    func singleSlow() async throws {
        let connected = Journal<UVConnection.ID>()
        let much = pattern(8 << 20)
        var options = UVListenerOptions.patient
        options.connection.sendLimit = 64 << 20
        try await withTaskServer(
            options: options, loops: 2,
            handler: { client in
                connected.append(client.id)
                _ = try await client.nextMessage()
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                let id = try connected.first()
                let results = Journal<Result<UVSendResult, any Error>>()
                let remote = server.remote
                func send() -> Task<Void, Never> {
                    Task {
                        do {
                            results.append(.success(try await remote.send(much, to: id)))
                        } catch {
                            results.append(.failure(error))
                        }
                    }
                }
                _ = send()
                try expect(peer.receive(much.count), are: much)
                #expect(try results.first().get() == .taken)
                let cancelled = send()
                cancelled.cancel()
                #expect(throws: CancellationError.self) { try results.wait(for: 2)[1].get() }
                _ = send()
                peer.close()
                #expect(try results.wait(for: 3)[2].get() == .closed)
            })
    }
}
