import Foundation
import Testing

@testable import UVSockets

/// An endpoint where nobody listens.
private func nobodysEndpoint() throws -> UVEndpoint {
    let listener = try RawListener()
    defer { listener.close() }
    return listener.local
}

/// A client for tasks and actors, beside servers that answer as a test wants it.
@Suite("A client that asks", .onPool, .alsoInMemory, .timeLimit(.minutes(1)))
struct ClientTests {
    /// Runs a server that gets lines, and a client of it.
    private static func withClient(
        _ handler: @escaping TaskHandler, matching: UVMatching = .inOrder,
        reconnect: UVReconnect? = UVReconnect(initialDelay: .milliseconds(10)),
        questionLimit: Int = UVClient.defaultQuestionLimit,
        inFlightLimit: Int = UVClient.defaultQuestionLimit,
        body: @escaping @Sendable (UVClient, TaskServer) async throws -> Void
    ) async throws {
        try await withTaskServer(framing: .lines, handler: handler) { server in
            let client = try UVClient(
                to: server.endpoint, framing: .lines, matching: matching, reconnect: reconnect,
                questionLimit: questionLimit, inFlightLimit: inFlightLimit, on: server.loop)
            let result = Journal<Result<Void, any Error>>()
            Task.detached {
                do {
                    result.append(.success(try await body(client, server)))
                } catch {
                    result.append(.failure(error))
                }
            }
            try result.first(seconds: 60).get()
            client.close()
        }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Answers each line by itself.
    private static let echo: TaskHandler = { client in
        for try await line in client.messages { try await client.send(line) }
    }

    @Test("Each of many tasks gets the answer to its own question, in order")
    func manyInOrder() async throws {
        try await Self.withClient(Self.echo) { client, _ in
            try await withThrowingTaskGroup { group in
                for number in 0..<1000 {
                    group.addTask {
                        let answer = try await client.ask("question \(number)")
                        #expect(Self.text(answer) == "question \(number)")
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.openQuestions == 0)
            #expect(client.isConnected)
        }
    }

    @Test("Answers that come in another order find their questions by a key")
    func byKey() async throws {
        let key = UVMatching.by { (message: Span<UInt8>) in
            Int(String(message: message).prefix { $0 != ":" })
        }
        try await Self.withClient(
            { client in
                // Ten at a time, turned around.
                var lines: [[UInt8]] = []
                for try await line in client.messages {
                    lines.append(line)
                    if lines.count < 10 { continue }
                    try await client.send("news without a key")
                    for line in lines.reversed() { try await client.send(line + Array("!".utf8)) }
                    lines = []
                }
            }, matching: key
        ) { client, _ in
            async let news = client.messages.first { _ in true }
            try await withThrowingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask {
                        let answer = try await client.ask("\(number): x")
                        #expect(Self.text(answer) == "\(number): x!")
                    }
                }
                try await group.waitForAll()
            }
            let first = try await news
            #expect(first.map(Self.text) == "news without a key")
            // A question without a key, and one with the key of an open question.
            let error = await #expect(throws: UVError.self) { try await client.ask("no key") }
            #expect(error?.code == .invalidArgument)
            let early = Task { try await client.ask("7: a", within: .seconds(1)) }
            while client.openQuestions == 0 { await Task.yield() }
            let second = await #expect(throws: UVError.self) { try await client.ask("7: b") }
            #expect(second?.code == .invalidArgument)
            let late = await #expect(throws: UVError.self) { try await early.value }
            #expect(late?.code == .timedOut)
        }
    }

    /// Answers each line by itself, and counts the lines that it has not answered.
    private static func counting(_ most: Locked<Int>) -> TaskHandler {
        { client in
            for try await line in client.messages {
                // All that has come already is here.
                let unread = client.connection.extras?.assembler.count ?? 0
                most.withLock { $0 = max($0, unread) }
                _ = await onThreadOfItsOwn {}
                try await client.send(line)
            }
        }
    }

    @Test("A server gets no more questions at a time than it may", arguments: [false, true])
    func oneAtATime(byKey: Bool) async throws {
        let key = UVMatching.by { (message: Span<UInt8>) in String(message: message) }
        let most = Locked(0)
        try await Self.withClient(
            Self.counting(most), matching: byKey ? key : .inOrder, inFlightLimit: 1
        ) { client, _ in
            try await withThrowingTaskGroup { group in
                for number in 0..<50 {
                    group.addTask {
                        let answer = try await client.ask("\(number)")
                        #expect(Self.text(answer) == "\(number)")
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.openQuestions == 0)
            #expect(most.withLock { $0 } == 0)
        }
    }

    @Test("A question that waits for its turn can be cancelled or be too late; the others go on")
    func leavesTheLine() async throws {
        let (asked, go) = (Journal<String>(), Journal<Void>())
        try await Self.withClient(
            { client in
                for try await line in client.messages {
                    asked.append(Self.text(line))
                    _ = try await onThreadOfItsOwn { try go.first() }.get()
                    try await client.send(line)
                }
            }, questionLimit: 4, inFlightLimit: 1
        ) { client, _ in
            let first = Task { try await client.ask("first") }
            _ = try await asked.arrival(of: 1)
            let cancelled = Task { try await client.ask("cancelled") }
            while client.openQuestions < 2 { await Task.yield() }
            let last = Task { try await client.ask("last") }
            while client.openQuestions < 3 { await Task.yield() }
            let late = await #expect(throws: UVError.self) {
                try await client.ask("late", within: .milliseconds(1))
            }
            #expect(late?.code == .timedOut)
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            go.append(())
            let answers = try await [first.value, last.value].map(Self.text)
            #expect(answers == ["first", "last"])
            #expect(asked.entries == ["first", "last"])
        }
    }

    @Test("Questions that wait for their turn go to the next connection")
    func lineOutlastsConnection() async throws {
        let connections = Locked(0)
        try await Self.withClient(
            { client in
                let number = connections.withLock { count in
                    count += 1
                    return count
                }
                for try await line in client.messages {
                    guard number > 1 else { return client.reset() }
                    try await client.send(line)
                }
            }, inFlightLimit: 1
        ) { client, _ in
            try await client.connected()
            let answers = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<10 {
                    group.addTask { (try? await client.ask("\(number)")) != nil }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            // The connection had one of them when it ended.
            #expect(answers.count { !$0 } == 1)
            #expect(client.openQuestions == 0)
        }
    }

    @Test("A loop ends while a closed client still waits for its server's end", .socketsOnly)
    func lingers() async throws {
        let (log, listener) = (Journal<String>(), try RawListener())
        let group = try UVLoopGroup(loops: 1, logger: journal(log))
        let client = try UVClient(to: listener.local, framing: .lines, on: group.loops[0])
        try await client.connected()
        try await client.send("the last words")
        let peer = try await onThreadOfItsOwn { try listener.accept() }.get()
        client.close()
        // The peer has got everything, and does not close.
        let received = try await onThreadOfItsOwn { try peer.receiveToEnd() }.get()
        #expect(Self.text(received) == "the last words\n")
        await group.stop()
        #expect(log.entries == [])
    }

    @Test("An answer that comes too late is dropped, and the next one is the next question's")
    func late() async throws {
        let (asked, go) = (Journal<Void>(), Journal<Void>())
        try await Self.withClient { client in
            for try await line in client.messages {
                asked.append(())
                if line == Array("slow".utf8) {
                    _ = await onThreadOfItsOwn { _ = try? go.first() }
                }
                try await client.send("to " + Self.text(line))
            }
        } body: { client, _ in
            try await client.connected()
            let error = await #expect(throws: UVError.self) {
                try await client.ask("slow", within: .milliseconds(50))
            }
            #expect(error?.code == .timedOut)
            #expect(error.map { "\($0)" }?.contains("no answer came within 0.05 seconds") == true)
            let cancelled = Task { try await client.ask("cancelled") }
            while client.openQuestions < 2 { await Task.yield() }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            async let answer = client.ask("next")
            go.append(())
            let next = try await answer
            #expect(Self.text(next) == "to next")
        }
    }

    @Test("A connection that ends fails the questions it has, and the client connects again")
    func reconnects() async throws {
        let ends = Journal<Void>()
        try await Self.withClient { client in
            for try await line in client.messages {
                if line == Array("end".utf8) {
                    ends.append(())
                    return client.reset()
                }
                try await client.send(line)
            }
        } body: { client, _ in
            for round in 1...3 {
                #expect(try await Self.text(client.ask("\(round)")) == "\(round)")
                await #expect(throws: UVEndReason.self) { try await client.ask("end") }
                try await ends.arrival(of: round)
            }
            // Asked while there is no connection, it is answered by the next one.
            #expect(try await Self.text(client.ask("after the end")) == "after the end")
        }
    }

    @Test("Without a reconnect, the end of the connection is the client's")
    func once() async throws {
        try await Self.withClient({ client in _ = try await client.nextMessage() }, reconnect: nil)
        {
            client, _ in
            await #expect(throws: UVEndReason.peerClosed) { try await client.ask("x") }
            #expect(!client.isConnected)
            let message = try await client.messages.next(isolation: nil)
            #expect(message == nil)
            await #expect(throws: UVError.self) { try await client.ask("y") }
            await #expect(throws: UVError.self) { try await client.send("z") }
            await #expect(throws: UVError.self) { try await client.connected() }
        }
    }

    @Test("Where nobody listens, all waits end with the reason", .socketsOnly)
    func refused() async throws {
        let endpoint = try nobodysEndpoint()
        let client = try UVClient(to: endpoint, framing: .lines, reconnect: nil)
        for wait in 0..<3 {
            let error = await #expect(throws: UVError.self) {
                switch wait {
                case 0: try await client.connected()
                case 1: _ = try await client.ask("x")
                default: _ = try await client.messages.first { _ in true }
                }
            }
            #expect(error?.code == .connectionRefused)
        }
        // With a reconnect it tries on, and the wait has its own limit.
        let patient = try UVClient(to: endpoint, framing: .lines)
        let error = await #expect(throws: UVError.self) {
            try await patient.ask("x", within: .milliseconds(50))
        }
        #expect(error?.code == .timedOut)
        let waiting = Task { try await patient.connected() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test("Messages that nobody has asked for hold the server back, and none is lost")
    func holds() async throws {
        let sent = Journal<Int>()
        let line = [UInt8](repeating: 120, count: 1000)
        try await Self.withClient { client in
            _ = try await client.nextMessage()
            for number in 0..<20_000 {
                try await client.send("\(number) " + Self.text(line))
                if number % 1000 == 0 { sent.append(number) }
            }
        } body: { client, _ in
            let messages = client.messages
            async let first = messages.first { _ in true }
            try await client.send("go")
            let start = try await first
            #expect(start.map { Self.text($0).hasPrefix("0 ") } == true)
            try await sent.arrival(of: 1)
            for number in 1..<20_000 {
                let message = try await messages.next(isolation: nil)
                guard message.map({ Self.text($0).hasPrefix("\(number) ") }) == true else {
                    Issue.record("message \(number) is missing")
                    return
                }
            }
        }
    }

    @Test("Too many questions are refused, and so is what no connection can take")
    func bounds() async throws {
        try await Self.withClient({ _ in try await waitForCancellation() }, questionLimit: 2) {
            client, _ in
            try await client.connected()
            let open = (0..<2).map { number in Task { try await client.ask("\(number)") } }
            while client.openQuestions < 2 { await Task.yield() }
            let error = await #expect(throws: UVError.self) { try await client.ask("x") }
            #expect(error?.code == .noBufferSpace)
            client.close()
            for task in open {
                await #expect(throws: UVEndReason.closed) { try await task.value }
            }
        }
        let endpoint = try nobodysEndpoint()
        let client = try UVClient(to: endpoint, queueLimit: 1000)
        let error = await #expect(throws: UVError.self) { try await client.send(pattern(2000)) }
        #expect(error?.code == .noBufferSpace)
    }

    @Test("An actor owns a client, and the connection ends when nobody holds it")
    func owned() async throws {
        actor Cache {
            private let client: UVClient

            init(of server: TaskServer) throws {
                client = try UVClient(to: server.endpoint, framing: .lines, on: server.loop)
            }

            func get(_ key: String) async throws -> String {
                String(decoding: try await client.ask("GET \(key)"), as: UTF8.self)
            }
        }
        let ends = Journal<UVEndReason>()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                for try await line in client.messages { try await client.send(line) }
                client.finish()
                ends.append(try await client.ended)
            },
            body: { server in
                let answers = Journal<String?>()
                Task.detached {
                    let cache = try? Cache(of: server)
                    answers.append(try? await cache?.get("a"))
                }
                let answer = try answers.first()
                #expect(answer == "GET a")
                let end = try ends.first()
                #expect(end == .peerClosed)
            })
    }

    @Test("A pool asks the client with the fewest open questions, and prefers those connected")
    func pool() async throws {
        let clients = Journal<UVConnection.ID>()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                clients.append(client.id)
                for try await line in client.messages {
                    if line != Array("never".utf8) { try await client.send("by \(client.id)") }
                }
            },
            body: { server in
                let done = Journal<Result<Set<String>, any Error>>()
                Task.detached {
                    do {
                        let pool = try UVClientPool(size: 3) { () throws(UVError) in
                            try UVClient(to: server.endpoint, framing: .lines, on: server.loop)
                        }
                        for client in pool.clients { try await client.connected() }
                        #expect(pool.connected == 3)
                        // Two clients are busy, so the third gets all.
                        let busy = pool.clients.prefix(2).map { client in
                            Task { try await client.ask("never") }
                        }
                        while pool.clients.prefix(2).contains(where: { $0.openQuestions == 0 }) {
                            await Task.yield()
                        }
                        var by: Set<String> = []
                        for _ in 0..<10 { by.insert(Self.text(try await pool.ask("x"))) }
                        pool.close()
                        for task in busy {
                            await #expect(throws: UVEndReason.closed) { try await task.value }
                        }
                        done.append(.success(by))
                    } catch {
                        done.append(.failure(error))
                    }
                }
                let by = try done.first().get()
                #expect(by.count == 1)
            })
    }
}
