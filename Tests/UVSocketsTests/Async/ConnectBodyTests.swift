import Foundation
import Testing
import UVSockets

@Suite("Connecting by tasks", .onPool, .onEachTransport, .timeLimit(.minutes(2)))
struct ConnectBodyTests {
    private struct Refused: Error {}

    @Test("What the closure returns is returned, and the connection has ended by then")
    func returns() async throws {
        let listener = try RawListener()
        let seen = Journal<[UInt8]>()
        Thread.detachNewThread {
            guard let peer = try? listener.accept() else { return }
            try? peer.send("hello\nworld\n")
            if let bytes = try? peer.receiveToEnd() { seen.append(bytes) }
        }
        let lines = try await UVConnector.connect(to: listener.local, framing: .lines) {
            server in
            var lines: [String] = []
            while lines.count < 2, let line = try await server.nextMessage() {
                lines.append(String(decoding: line, as: UTF8.self))
                try await server.send(line)
            }
            return lines
        }
        #expect(lines == ["hello", "world"])
        let bytes = await onThreadOfItsOwn { try seen.first() }
        #expect(try bytes.get() == Array("hello\nworld\n".utf8))
    }

    @Test("What the closure throws is thrown, after what it has sent has left")
    func throwing() async throws {
        let listener = try RawListener()
        let seen = Journal<[UInt8]>()
        await #expect(throws: Refused.self) {
            try await UVConnector.connect(to: listener.local) { server in
                Thread.detachNewThread {
                    if let bytes = try? listener.accept().receiveToEnd() { seen.append(bytes) }
                }
                try await server.send("last words")
                throw Refused()
            }
        }
        let bytes = await onThreadOfItsOwn { try seen.first() }
        #expect(try bytes.get() == Array("last words".utf8))
    }

    @Test("What the connection held is let go when it has ended")
    func freed() async throws {
        let listener = try RawListener()
        let freed = Journal<Void>()
        Thread.detachNewThread { _ = try? listener.accept().receiveToEnd() }
        try await UVConnector.connect(to: listener.local) { server in
            server.connection.userToken = Token(freed)
        }
        try await onThreadOfItsOwn { try freed.first() }.get()
    }

    @Test("Where nobody listens the error names the address, and the closure is not called")
    func refused() async throws {
        let endpoint = try RawListener().local
        await #expect(throws: UVError.self) {
            try await UVConnector.connect(to: endpoint) { _ in Issue.record("connected") }
        }
    }

    @Test("A server that does not answer is given up at the deadline")
    func deadline() async throws {
        let silent = try RawListener.silent()
        let error = await #expect(throws: UVError.self) {
            try await UVConnector.connect(to: silent.local, timeout: .milliseconds(200)) { _ in
                Issue.record("connected")
            }
        }
        #expect(error?.code == .timedOut)
    }

    @Test("A task that is cancelled while it connects stops at once")
    func cancelledConnecting() async throws {
        let silent = try RawListener.silent()
        let endpoint = silent.local
        let task = Task {
            try await UVConnector.connect(to: endpoint, timeout: .seconds(3600)) { _ in }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("A task that is cancelled while it waits for a message is told so, and its peer the end")
    func cancelledWaiting() async throws {
        let listener = try RawListener()
        let (connections, connected) = AsyncStream.makeStream(of: Void.self)
        let endpoint = listener.local
        let task = Task {
            try await UVConnector.connect(to: endpoint) { server in
                connected.yield()
                for try await _ in server.messages {}
            }
        }
        for await _ in connections { break }
        let ended = await onThreadOfItsOwn {
            let peer = try listener.accept()
            task.cancel()
            return try peer.receiveToEnd()
        }
        #expect(try ended.get() == [])
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("A reset by the server is thrown to whoever waits for a message", .tcpOnly)
    func reset() async throws {
        let listener = try RawListener()
        let end = Journal<UVEndReason>()
        await #expect(throws: UVEndReason.peerReset) {
            try await UVConnector.connect(to: listener.local) { server in
                Thread.detachNewThread {
                    try? listener.accept().reset()
                }
                do {
                    for try await _ in server.messages {}
                } catch let error as UVEndReason {
                    end.append(error)
                    throw error
                }
            }
        }
        #expect(try end.first() == .peerReset)
    }

    @Test("Many tasks connect at once, each with its own connection, to a server of tasks")
    func many() async throws {
        try await withTaskServer(framing: .lines, handler: ServeTests.Form.owned.echo) { server in
            let endpoint = server.endpoint
            let answers = Journal<String>()
            Task {
                await withTaskGroup { group in
                    for index in 0..<200 {
                        group.addTask {
                            let answer = try? await UVConnector.connect(
                                to: endpoint, framing: .lines
                            ) { server in
                                try await server.send("number \(index)")
                                return try await server.nextMessage()
                            }
                            answers.append(String(decoding: (answer ?? nil) ?? [], as: UTF8.self))
                        }
                    }
                }
            }
            let expected = (0..<200).map { "number \($0)" }
            let all = try answers.wait(for: 200, seconds: 90)
            #expect(all.sorted() == expected.sorted())
        }
    }
}
