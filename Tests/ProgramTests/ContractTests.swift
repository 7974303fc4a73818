import Testing

@Suite(
    "What the compiler refuses", .ownThreads, .serialized, .timeLimit(.minutes(5)),
    .enabled(if: !isSanitized, "only the compiler runs, which no sanitizer watches"))
struct ContractTests {
    static let race = "risks causing data races"

    @Test(
        "A data race, a span that is kept and a libuv type do not compile",
        arguments: Batch.snippets([
            Snippet(
                "a listener in a detached task", refusedWith: race, "listener",
                source: """
                    func start(_ listener: UVListener) {
                        Task.detached { listener.kick(1) }
                    }
                    """),
            Snippet(
                "a connector in a detached task", refusedWith: race, "connector",
                source: """
                    func start(_ connector: UVConnector) {
                        Task.detached { connector.cancel() }
                    }
                    """),
            Snippet(
                "a connection in a detached task", refusedWith: race, "client",
                source: """
                    func listen(on loop: UVLoop) -> UVListener {
                        UVListener(on: loop, at: "[::]:0") { client, _ in
                            Task.detached { client.send("late") }
                        }
                    }
                    """),
            Snippet(
                "a listener on a dispatch queue", imports: "import Dispatch",
                refusedWith: "UVListener", "Sendable",
                source: """
                    func stop(_ listener: UVListener) {
                        DispatchQueue.global().async { listener.stop() }
                    }
                    """),
            Snippet(
                "a connection on a dispatch queue", imports: "import Dispatch",
                refusedWith: "UVConnection", "Sendable",
                source: """
                    func listen(on loop: UVLoop) -> UVListener {
                        UVListener(on: loop, at: "[::]:0") { client, _ in
                            DispatchQueue.global().async { client.close() }
                        }
                    }
                    """),
            Snippet(
                "a connector on a thread", imports: "import Foundation",
                refusedWith: "UVConnector", "Sendable",
                source: """
                    func cancel(_ connector: UVConnector) {
                        Thread.detachNewThread { connector.cancel() }
                    }
                    """),
            Snippet(
                "a listener in a submission", refusedWith: "UVListener", "Sendable",
                source: """
                    func kick(_ listener: UVListener, on loop: UVLoop) {
                        loop.submit { listener.kick(1) }
                    }
                    """),
            Snippet(
                "a timer in a submission", refusedWith: "UVTimer", "Sendable",
                source: """
                    func cancel(_ timer: UVTimer, on loop: UVLoop) {
                        loop.submit { timer.cancel() }
                    }
                    """),
            Snippet(
                "a connection in a mailbox", refusedWith: "UVConnection", "Sendable",
                source: """
                    func open(_ loop: UVLoop) {
                        _ = loop.mailbox { (client: UVConnection) in client.close() }
                    }
                    """),
            Snippet(
                "a handler's own state in a submission", refusedWith: "count",
                source: """
                    func count(on loop: UVLoop) -> UVListener {
                        var count = 0
                        let listener = UVListener(on: loop, at: "[::]:0") { _, _ in count += 1 }
                        loop.submit { count += 1 }
                        return listener
                    }
                    """),
            Snippet(
                "an actor's listener used from outside", refusedWith: race,
                source: """
                    actor Owner {
                        var listener: UVListener?
                        func take(_ listener: UVListener) { self.listener = listener }
                    }
                    func give(_ listener: UVListener, to owner: Owner) async {
                        await owner.take(listener)
                        listener.stop()
                    }
                    """),
            Snippet(
                "a span kept in a variable", refusedWith: "message", "escape",
                source: """
                    func listen(on loop: UVLoop) -> UVListener {
                        var kept: Span<UInt8>?
                        return UVListener(on: loop, at: "[::]:0") { _, message in
                            kept = message
                            print(kept?.count ?? 0)
                        }
                    }
                    """),
            Snippet(
                "a span kept by a task", refusedWith: "message", "escape",
                source: """
                    func listen(on loop: UVLoop) -> UVListener {
                        UVListener(on: loop, at: "[::]:0") { _, message in
                            Task { print(message.count) }
                        }
                    }
                    """),
            Snippet(
                "a span kept by a timer", refusedWith: "message", "escape",
                source: """
                    func connect(on loop: UVLoop) -> UVConnector {
                        UVConnector(on: loop, to: "localhost:1") { server, message in
                            _ = try? loop.after(.seconds(1)) { server.send(message) }
                        }
                    }
                    """),
            Snippet(
                "a libuv type by way of UVSockets", refusedWith: "uv_loop_t",
                source: """
                    func use(_ loop: uv_loop_t) {}
                    """),
            Snippet(
                "a loop's uv_loop_t", refusedWith: "raw", "inaccessible",
                source: """
                    func use(_ loop: UVLoop) { _ = loop.raw }
                    """),
            Snippet(
                "a libuv type in a public signature", imports: "internal import C" + "Libuv",
                refusedWith: "uv_loop_t", "public",
                source: """
                    public func use(_ loop: uv_loop_t) {}
                    """),
        ]))
    func refused(snippet: Snippet) throws {
        try Self.expectRefusal(of: snippet)
    }

    @Test(
        "What a task's connection must not do does not compile",
        arguments: Batch.snippets([
            Snippet(
                "a borrowed message that is kept", refusedWith: "Escapable",
                source: """
                    func serve() async throws {
                        try await UVListener.serve(at: "[::]:0") { client in
                            var kept: [Span<UInt8>] = []
                            try await client.forEachMessage { kept.append($0) }
                        }
                    }
                    """),
            Snippet(
                "a count that handlers share", refusedWith: "captured var 'count'",
                source: """
                    func serve() async throws {
                        var count = 0
                        try await UVListener.serve(at: "[::]:0") { client in count += 1 }
                    }
                    """),
        ]))
    func refusedOfTasks(snippet: Snippet) throws {
        try Self.expectRefusal(of: snippet)
    }

    static func expectRefusal(of snippet: Snippet) throws {
        let outcome = try snippet.outcome()
        #expect(outcome.ending == .code(1))
        // What the compiler says, without the lines of the text that it shows with it.
        let said = outcome.errors.split(separator: "\n").filter {
            $0.contains("error: ") || $0.contains("note: ")
        }
        for word in snippet.words {
            #expect(said.contains { $0.contains(word) }, "\(word) in \(outcome.errors)")
        }
        // One line is at fault, the one that is meant: a slip of the pen would be refused as well.
        let lines = said.filter { $0.contains(": error: ") }.map { $0.split(separator: ":")[1] }
        #expect(Set(lines).count == 1, "\(outcome.errors)")
    }

    @Test(
        "A switch over what may grow must say what it does about the unknown",
        arguments: Batch.snippets([
            switching(
                over: "UVSendResult",
                [".taken", ".takenButFull", ".closed", ".posted", ".overloaded", ".refused"]),
            switching(
                over: "FramingError", [".frameTooLong", ".truncated", ".malformed", ".unsendable"]),
            switching(
                over: "UVSlowReceiver", [".disconnect", ".skip", ".keepLatest", ".wait"]),
            switching(over: "UVBalance", [".fewestClients", ".kernel"]),
            switching(over: "UVAdmission.WhenFull", [".hold", ".refuse"]),
            switching(
                over: "LineCodec.Ending", [".lfOrCRLF", ".lf", ".crlf", ".crlfAcceptingLF"]),
            switching(
                over: "LengthPrefixCodec.Width",
                [".bytes1", ".bytes2", ".bytes3", ".bytes4", ".bytes8"]),
            switching(over: "UVLoop.RunMode", [".untilIdle", ".untilStopped"]),
            switching(
                over: "UVSignal", [".interrupt", ".terminate", ".hangup", ".user1", ".user2"]),
            switching(over: "UVEndReason", endReasons),
            switching(over: "UVEndReason.Kind", endReasons),
        ]))
    func growing(snippet: Snippet) throws {
        try Self.expectRefusal(of: snippet)
    }

    private static let endReasons = [
        ".peerClosed", ".peerReset", ".peerVanished", ".closed", ".reset", ".kicked",
        ".slowReceiver", ".stalled", ".outboundBudgetExceeded", ".idle", ".noFirstMessage",
        ".messageTooSlow", ".lifetimeOver", ".framing", ".listenerStopped", ".handlerFailed",
        ".failed",
    ]

    private static func switching(over type: String, _ cases: [String]) -> Snippet {
        Snippet(
            "a switch over \(type)", refusedWith: "covers known cases", "@unknown default",
            source: """
                func use(_ value: \(type)) {
                    switch value { case \(cases.joined(separator: ", ")): break }
                }
                """)
    }

    @Test(
        "What is right compiles, without a warning",
        arguments: Batch.snippets([
            Snippet(
                "an echo server that counts without a lock",
                source: """
                    final class Tally { var messages = 0 }
                    func serve() throws {
                        let loop = try UVLoop()
                        let tally = Tally()
                        var bytes = 0
                        let listener = UVListener(on: loop, at: "0.0.0.0:8081") { client, message in
                            tally.messages += 1
                            bytes += message.count
                            client.send(message)
                        }
                        listener.onDisconnected = { client, reason in tally.messages -= 1 }
                        try listener.startAccept()
                        loop.run()
                    }
                    """),
            Snippet(
                "a mailbox that kicks, posted to from a thread", imports: "import Foundation",
                source: """
                    func open(_ listener: UVListener) {
                        let kicks = listener.loop.mailbox { (id: UVConnection.ID) in listener.kick(id) }
                        Thread.detachNewThread { kicks.post(7) }
                        Task.detached { kicks.post(8) }
                    }
                    """),
            Snippet(
                "a listener that a submission makes",
                source: """
                    func serve(on loop: UVLoop) {
                        Task.detached {
                            loop.submit {
                                let listener = UVListener(on: loop, at: "[::]:0") { $0.send($1) }
                                try? listener.startAccept()
                            }
                        }
                    }
                    """),
            Snippet(
                "a loop that runs on a thread of its own", imports: "import Foundation",
                source: """
                    func run(_ loop: UVLoop) {
                        Thread.detachNewThread { loop.run(.untilStopped) }
                        loop.stop()
                    }
                    """),
            Snippet(
                "a copy of a message that leaves the loop",
                source: """
                    func listen(on loop: UVLoop) -> UVListener {
                        UVListener(on: loop, at: "[::]:0") { client, message in
                            let copy = (0..<message.count).map { message[$0] }
                            let id = client.id
                            Task.detached { print(id, copy) }
                        }
                    }
                    """),
            Snippet(
                "a handler that connects on",
                source: """
                    func forward(on loop: UVLoop) -> UVListener {
                        UVListener(on: loop, at: "[::]:0") { client, _ in
                            let connector = UVConnector(on: client.loop, to: "localhost:7") { server, answer in
                                client.send(answer)
                                server.close()
                            }
                            connector.onConnected = { $0.send("hello") }
                            connector.onFailed = { _, error in client.send("\\(error)") }
                            try? connector.startConnect()
                        }
                    }
                    """),
            Snippet(
                "an endpoint, an error and a reason on another thread",
                source: """
                    func tell(_ endpoint: UVEndpoint, _ error: UVError, _ reason: UVEndReason) {
                        Task.detached { print(endpoint, error, reason) }
                    }
                    """),
            Snippet(
                "a handler that borrows, counts, and asks an actor",
                source: """
                    actor Counter {
                        var count = 0
                        func next() -> Int { count += 1; return count }
                    }
                    func serve(_ counter: Counter) async throws {
                        try await UVListener.serve(at: "[::]:0", framing: .lines) { client in
                            var lines = 0
                            try await client.forEachMessage { line in
                                lines += 1
                                client.send(line)
                            }
                            try await client.send("\\(lines) of \\(await counter.next())")
                        }
                    }
                    """),
            Snippet(
                "messages in every form, none of them ambiguous",
                source: """
                    func send(_ text: String, _ bytes: [UInt8], to client: UVConnection) {
                        client.send("a"); client.send("\\(text)b"); client.send("c" + text + "\\n")
                        client.send([]); client.send([1, 2]); client.send([1] + bytes + [2])
                        client.send(.init(repeating: 0, count: 3)); client.send(Array(text.utf8))
                        client.send(text.isEmpty ? "d" : text.dropFirst()); client.send("e".utf8)
                        client.send(bytes[1...]); client.send(bytes.span); client.send(bytes.map { $0 })
                        client.send(text.split(separator: ",")[0] + "\\n"); client.send(bytes.prefix(2))
                        client.listener?.broadcast("f"); client.listener?.broadcast([])
                        client.listener?.remote.post([1]); client.listener?.remote.post("g" + text)
                        [text].forEach { client.send($0) }
                    }
                    func send(_ text: String, to client: UVAsyncConnection) async throws {
                        try await client.send("a\\(text)"); try await client.send([1, 2])
                        try await client.send(text + "\\n"); try await client.send(text.utf8)
                        await client.server?.broadcast("f" + text); await client.server?.broadcast([])
                    }
                    """),
            Snippet(
                "a client in child tasks, in an actor, and beyond its scope",
                imports: "import Foundation",
                source: """
                    actor Room {
                        var clients: [UVAsyncConnection] = []
                        func join(_ client: UVAsyncConnection) { clients.append(client) }
                        func say(_ text: String) { for client in clients { client.send(text) } }
                        func tell(_ text: String) async throws {
                            for client in clients { try await client.send(text) }
                        }
                    }
                    func serve(_ room: Room) async throws {
                        try await UVListener.serve(at: "[::]:0", framing: .lines) { client in
                            await room.join(client)
                            async let greeting: Void = client.send("welcome")
                            Task { try await client.send("later") }
                            Thread.detachNewThread { client.send("from a thread") }
                            let first = try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
                                group.addTask { try await client.nextMessage() }
                                group.addTask {
                                    try await Task.sleep(for: .seconds(5))
                                    return nil
                                }
                                defer { group.cancelAll() }
                                return try await group.next() ?? nil
                            }
                            try await greeting
                            print(first ?? [], try await client.nextMessage(within: .seconds(1)) ?? [])
                            try await withThrowingTaskGroup { group in
                                group.addTask { for try await line in client.messages { print(line) } }
                                group.addTask { client.post("news"); print(try await client.ended) }
                                try await group.next()
                            }
                        }
                    }
                    func connect() async throws -> UVAsyncConnection {
                        try await UVConnector.connect(to: "localhost:1") { server in server }
                    }
                    """),
            Snippet(
                "a switch over what cannot grow, and over what may",
                source: """
                    func use(_ search: FrameSearch, _ order: LengthPrefixCodec.ByteOrder) {
                        switch search { case .frame, .incomplete: break }
                        switch order { case .bigEndian, .littleEndian: break }
                    }
                    func use(_ result: UVSendResult) {
                        switch result {
                        case .taken, .takenButFull, .closed, .posted, .overloaded, .refused: break
                        @unknown default: break
                        }
                    }
                    """),
            Snippet(
                "names of libuv's, free for the user",
                source: """
                    struct uv_loop_t {}
                    func use(_ loop: uv_loop_t) {}
                    """),
        ]))
    func accepted(snippet: Snippet) throws {
        let outcome = try snippet.outcome()
        #expect(outcome.ending == .code(0), "\(outcome.errors)")
    }
}
