import Testing

extension ContractTests {
    @Test(
        "What belongs to one loop of a group does not reach another",
        arguments: Batch.snippets([
            Snippet(
                "a count that all loops share without a lock",
                refusedWith: "mutation of captured var 'messages'",
                source: """
                    func serve(_ group: UVLoopGroup) async throws {
                        var messages = 0
                        try await group.listen(at: "[::]:0") { _ in
                            { client, message in
                                messages += 1
                                client.send(message)
                            }
                        }
                    }
                    """),
            Snippet(
                "an object that all loops share without a lock",
                refusedWith: "capture of 'tally' with non-Sendable type 'Tally'",
                source: """
                    final class Tally { var messages = 0 }
                    func serve(_ group: UVLoopGroup) async throws {
                        let tally = Tally()
                        try await group.listen(at: "[::]:0") { _ in
                            { client, message in tally.messages += 1 }
                        }
                    }
                    """),
            Snippet(
                "a handler of one loop's that is made for all", refusedWith: "handler", "Sendable",
                source: """
                    func serve(
                        _ group: UVLoopGroup, _ handler: @escaping (UVConnection, Span<UInt8>) -> Void
                    ) async throws {
                        try await group.listen(at: "[::]:0") { _ in handler }
                    }
                    """),
            Snippet(
                "a loop's listener kept outside", refusedWith: "mutation of captured var 'kept'",
                source: """
                    func serve(_ group: UVLoopGroup) async throws {
                        var kept: [UVListener] = []
                        try await group.listen(at: "[::]:0") { listener in
                            kept.append(listener)
                            return { client, message in client.send(message) }
                        }
                    }
                    """),
            Snippet(
                "a loop's listener in another loop's submission", refusedWith: "UVListener",
                "Sendable",
                source: """
                    func serve(_ group: UVLoopGroup) async throws {
                        try await group.listen(at: "[::]:0") { listener in
                            { client, message in
                                group.loops[0].submit { listener.broadcast("x") }
                            }
                        }
                    }
                    """),
            Snippet(
                "a client in a task of its handler's", refusedWith: race, "client",
                source: """
                    func serve(_ group: UVLoopGroup) async throws {
                        try await group.listen(at: "[::]:0") { listener in
                            { client, message in
                                Task { client.send("late") }
                            }
                        }
                    }
                    """),
            Snippet(
                "clients collected from every loop",
                refusedWith: "mutation of captured var 'clients'",
                source: """
                    func collect(_ server: UVServerHandle) {
                        var clients: [UVConnection] = []
                        server.forEachListener { clients += $0.clients }
                    }
                    """),
            Snippet(
                "a listener in a box that is shared", refusedWith: "non-Sendable type 'Box'",
                source: """
                    final class Box { var listener: UVListener? }
                    func collect(_ server: UVServerHandle) {
                        let box = Box()
                        server.forEachListener { box.listener = $0 }
                    }
                    """),
            Snippet(
                "a client on every loop", refusedWith: "UVConnection", "Sendable",
                source: """
                    func send(_ client: UVConnection, by server: UVServerHandle) {
                        server.forEachListener { _ in client.send("x") }
                    }
                    """),
            Snippet(
                "a listener sent away by a stream", refusedWith: race,
                source: """
                    func collect(_ server: UVServerHandle) {
                        let (listeners, all) = AsyncStream.makeStream(of: UVListener.self)
                        server.forEachListener { all.yield($0) }
                        Task { for await listener in listeners { listener.stop() } }
                    }
                    """),
            Snippet(
                "a listener that forEachListener returns", refusedWith: "Void",
                source: """
                    func find(_ server: UVServerHandle) -> UVListener? {
                        server.forEachListener { listener -> UVListener in listener }
                    }
                    """),
            Snippet(
                "a message that is kept by forEachListener", refusedWith: "message", "escap",
                source: """
                    func listen(on loop: UVLoop) -> UVListener {
                        UVListener(on: loop, at: "[::]:0") { client, message in
                            client.listener?.remote.forEachListener { $0.broadcast(message) }
                        }
                    }
                    """),
            Snippet(
                "a server's set-up that shares a count", refusedWith: "captured var 'clients'",
                source: """
                    func serve() async throws {
                        var clients = 0
                        try await UVListener.serve(
                            at: "[::]:0", loops: 2,
                            setUp: { $0.onConnected = { _ in clients += 1 } }
                        ) { _ in }
                    }
                    """),
            Snippet(
                "an answer of the loop's that a callback waits for", refusedWith: "async",
                source: """
                    func listen(on loop: UVLoop) -> UVListener {
                        UVListener(on: loop, at: "[::]:0") { client, _ in
                            client.listener?.remote.broadcast("x")
                        }
                    }
                    """),
        ]))
    func refusedOfGroups(snippet: Snippet) throws {
        try Self.expectRefusal(of: snippet)
    }

    @Test(
        "What is right of a group compiles, without a warning",
        arguments: Batch.snippets([
            Snippet(
                "state of a loop's own, declared where its handler is made",
                source: """
                    func serve() async throws {
                        let group = try UVLoopGroup(loops: 2)
                        try await group.listen(at: "[::]:0", framing: .lines) { listener in
                            var messages = 0
                            var names: [UVConnection.ID: String] = [:]
                            let server = listener.remote
                            listener.onConnected = { names[$0.id] = "\\($0.peer)" }
                            listener.onDisconnected = { client, _ in names[client.id] = nil }
                            return { client, message in
                                messages += 1
                                server.post(message, except: client.id)
                            }
                        }
                        await group.run()
                    }
                    """),
            Snippet(
                "a lock that all loops share", imports: "import Synchronization",
                source: """
                    func serve(_ group: UVLoopGroup) async throws {
                        let tally = Tally()
                        try await group.listen(at: "[::]:0") { _ in
                            { client, message in
                                tally.messages.add(1, ordering: .relaxed)
                                client.send(message)
                            }
                        }
                    }
                    final class Tally: Sendable { let messages = Atomic(0) }
                    """),
            Snippet(
                "a server's face in tasks and on threads", imports: "import Foundation",
                source: """
                    func use(_ server: UVServerHandle) {
                        Thread.detachNewThread { server.post("x") }
                        Task.detached {
                            print(await server.broadcast("x").receivers, await server.stats())
                            for client in await server.snapshot().clients { await server.kick(client.id) }
                            print(await server.stop(goodbye: Array("bye".utf8)))
                        }
                    }
                    """),
            Snippet(
                "what is Sendable, collected from every loop",
                source: """
                    func collect(_ server: UVServerHandle) -> AsyncStream<UVListenerStats> {
                        let (stream, answers) = AsyncStream.makeStream(of: UVListenerStats.self)
                        server.forEachListener { answers.yield($0.stats) }
                        return stream
                    }
                    """),
            Snippet(
                "a chat of tasks on all cores",
                source: """
                    func serve() async throws {
                        try await UVListener.serve(
                            at: "[::]:0", framing: .lines, loops: UVLoopGroup.cores, balance: .kernel,
                            onListening: { print($0.localEndpoint as Any) },
                            setUp: { $0.onDisconnected = { print($0.peer, $1) } }
                        ) { client in
                            for try await line in client.messages {
                                await client.server?.broadcast(line, except: client.id, whenSlow: .skip)
                            }
                        }
                    }
                    """),
        ]))
    func acceptedOfGroups(snippet: Snippet) throws {
        let outcome = try snippet.outcome()
        #expect(outcome.ending == .code(0), "\(outcome.errors)")
    }
}
