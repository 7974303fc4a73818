import Foundation
import Testing
import UVSockets
import UVSocketsCapture
import UVSocketsTesting

@Suite("A replay", .onPool, .timeLimit(.minutes(2)))
struct ReplayTests {
    /// A session of a client with a server that numbers the lines it gets.
    private static func number(_ count: inout Int, _ client: UVConnection, _ line: Span<UInt8>) {
        count += 1
        client.send("\(count): " + String(message: line))
    }

    private nonisolated(nonsending) func session(
        messages: Int, from: Int = 0
    ) async throws -> UVCapture {
        try await withFolder { folder in
            var count = from
            let server = try MemoryServer(framing: .lines) { Self.number(&count, $0, $1) }
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(server.listener.remote, to: path)
            let peer = try server.connect()
            var random = SplitMix64(seed: 3)
            for message in 0..<messages {
                let text = String(
                    repeating: "x", count: Int.random(in: 0..<200, using: &random))
                peer.send(
                    "\(message) \(text)\n", inPiecesOf: Int.random(in: 1..<300, using: &random))
                if message % 3 == 0 { server.network.run(for: .milliseconds(message % 7)) }
            }
            server.network.run()
            peer.finish()
            server.network.run()
            await tap.stop()
            return try UVCapture(contentsOf: path)
        }
    }

    @Test("A captured session of 1,000 messages replays bit for bit")
    func thousand() async throws {
        let capture = try await session(messages: 1000)
        #expect(capture.packetsDropped == 0)
        var count = 0
        let result = try UVReplay(capture).run(framing: .lines) { Self.number(&count, $0, $1) }
        #expect(count == 1000)
        #expect(result.difference == nil)
        #expect(result.sent == capture.connections[0].bytes(.sent))
        #expect(result.sent.count > 100_000)
        #expect(result.ended == .peerClosed)
    }

    @Test("A task's handler can be replayed, too")
    func tasks() async throws {
        let capture = try await session(messages: 50)
        let result = try UVReplay(capture).run(framing: .lines) { client in
            var count = 0
            for try await line in client.messages {
                count += 1
                try await client.send("\(count): " + String(decoding: line, as: UTF8.self))
            }
        }
        #expect(result.difference == nil)
    }

    @Test("The first difference is shown with the bytes of both sides around it")
    func difference() async throws {
        let capture = try await session(messages: 20)
        var count = 0
        let result = try UVReplay(capture).run(framing: .lines) { client, line in
            if count == 10 { count += 1 }
            Self.number(&count, client, line)
        }
        let difference = try #require(result.difference)
        let expected = result.expected
        #expect(expected[..<difference.offset] == result.sent[..<difference.offset])
        #expect(expected[difference.offset] == UInt8(ascii: "1"))
        #expect(result.sent[difference.offset] == UInt8(ascii: "2"))
        let text = difference.description
        #expect(text.contains("differs at offset \(difference.offset)"))
        #expect(text.contains("\\n11: 10 "))
        #expect(text.contains("\\n12: 10 "))
        #expect(!text.contains("\u{1b}"))
    }

    @Test("A stream that ends sooner differs where it ends")
    func shorter() {
        let difference = UVCapture.Difference(expected: [1, 2, 3], actual: [1, 2])
        #expect(difference?.offset == 2)
        #expect(difference?.actualCount == 2)
        #expect(UVCapture.Difference(expected: [1], actual: [1]) == nil)
        #expect(UVCapture.Difference(expected: [], actual: [1])?.offset == 0)
    }

    @Test("What is not whole is not replayed")
    func notWhole() async throws {
        let capture = try await session(messages: 1)
        #expect(throws: UVTestFailure.self) { try UVReplay(capture, connection: 1) }
        try await withFolder { folder in
            let server = try MemoryServer()
            let peer = try server.connect()
            #expect(peer.exchange("a") == "a")
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(server.listener.remote, to: path)
            #expect(peer.exchange("b") == "b")
            await tap.stop()
            let middle = try UVCapture(contentsOf: path)
            let error = #expect(throws: UVTestFailure.self) { try UVReplay(middle) }
            #expect(error?.description == "the capture began in the middle of this connection")
        }
    }

    @Test("Over the wire, a server that answers as before is equal, and one that does not differs")
    func overTheWire() async throws {
        let capture = try await session(messages: 100)
        for offset in [0, 1] {
            var server = UVServer(at: "127.0.0.1:0", framing: .lines) { client in
                var count = offset
                for try await line in client.messages {
                    count += 1
                    try await client.send("\(count): " + String(decoding: line, as: UTF8.self))
                }
            }
            let (handles, handle) = AsyncStream<UVServerHandle>.makeStream()
            server.onListening = { handle.yield($0) }
            let running = Task { [server] in try await server.run() }
            let remote = try #require(await handles.first { _ in true })
            let endpoint = try #require(remote.localEndpoint)
            let results = await capture.replay(against: endpoint, timeout: .seconds(5))
            running.cancel()
            _ = await running.result
            let result = try #require(results.first)
            #expect(result.bytesSent == capture.connections[0].bytes(.received).count)
            #expect(result.isEqual == (offset == 0), "\(result)")
            #expect(result.difference?.offset == (offset == 0 ? nil : 0))
        }
    }

    @Test("A server that is not there, and one that says nothing, fail in words")
    func failures() async throws {
        let capture = try await session(messages: 2)
        var server = UVServer(at: "127.0.0.1:0", framing: .lines) { client in
            for try await _ in client.messages {}
        }
        let (handles, handle) = AsyncStream<UVServerHandle>.makeStream()
        server.onListening = { handle.yield($0) }
        let running = Task { [server] in try await server.run() }
        let remote = try #require(await handles.first { _ in true })
        let endpoint = try #require(remote.localEndpoint)
        let silent = await capture.replay(against: endpoint, timeout: .milliseconds(100))
        #expect(silent.first?.failure?.contains("did not come within") == true)
        running.cancel()
        _ = await running.result
        let refused = await capture.replay(against: endpoint)
        #expect(refused.first?.failure?.contains("ECONNREFUSED") == true)
    }
}
