import Foundation
import Testing
import UVSockets

@Suite("Serving by tasks", .onPool, .alsoInMemory, .timeLimit(.minutes(2)))
struct ServeTests {
    /// The ways to receive; each echoes.
    enum Form: CaseIterable {
        case owned, borrowed

        var echo: TaskHandler {
            switch self {
            case .owned:
                { client in
                    for try await message in client.messages { try await client.send(message) }
                }
            case .borrowed:
                { client in try await client.forEachMessage { client.send($0) } }
            }
        }
    }

    @Test("Bytes come back as they were sent", arguments: Form.allCases)
    func echoes(form: Form) async throws {
        try await withTaskServer(handler: form.echo) { server in
            let peer = try server.connect()
            #expect(try peer.exchange([1, 2, 3]) == [1, 2, 3])
            #expect(try peer.exchange([4]) == [4])
            try peer.finish()
            #expect(try peer.receiveToEnd() == [])
        }
    }

    @Test("Lines come back whole and in order, however they were cut", arguments: Form.allCases)
    func lines(form: Form) async throws {
        let text = (0..<2000).map { "line \($0) \(String(repeating: "x", count: $0 % 97))\n" }
            .joined()
        try await withTaskServer(framing: .lines, handler: form.echo) { server in
            let peer = try server.connect()
            let bytes = Array(text.utf8)
            Thread.detachNewThread {
                for start in stride(from: 0, to: bytes.count, by: 701) {
                    try? peer.send(Array(bytes[start..<min(start + 701, bytes.count)]))
                }
                try? peer.finish()
            }
            #expect(try String(decoding: peer.receiveToEnd(), as: UTF8.self) == text)
        }
    }

    @Test(
        "A task that sends without end to one that reads lets others have their turn",
        arguments: [10, 100, 10_000])
    func endless(size: Int) async throws {
        try await withTaskServer(
            drainFor: .milliseconds(100),
            handler: { client in
                guard let question = try await client.nextMessage() else { return }
                let chunk = [UInt8](repeating: 1, count: size)
                while question == [1] { try await client.send(chunk) }
                try await client.send("answer")
            },
            body: { server in
                let greedy = try server.connect()
                try greedy.send([1])
                _ = try greedy.receive(1000)
                Thread.detachNewThread {
                    while (try? greedy.receiveSome())?.isEmpty == false {}
                }
                let other = try server.connect()
                try other.send([2])
                #expect(try other.receive(6) == Array("answer".utf8))
                server.cancel()
                try server.returned()
            })
    }

    @Test("Messages that come while the task is busy wait, all of them and in order")
    func busy() async throws {
        let (busy, go) = (Journal<Void>(), Journal<Void>())
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                for try await line in client.messages {
                    if line == Array("wait".utf8) {
                        busy.append(())
                        _ = await onThreadOfItsOwn { try go.first() }
                    }
                    try await client.send(line)
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("wait\n")
                try busy.first()
                try peer.send("a\nb\n")
                try peer.send("c\nd")
                go.append(())
                try peer.send("d\n")
                try peer.finish()
                #expect(
                    try String(decoding: peer.receiveToEnd(), as: UTF8.self)
                        == "wait\na\nb\nc\ndd\n")
            })
    }

    @Test("A task that does not ask for messages holds its peer back")
    func holdsBack() async throws {
        let go = Journal<Void>()
        try await withTaskServer(
            handler: { client in
                _ = await onThreadOfItsOwn { try go.first() }
                for try await _ in client.messages {}
                #expect(client.connection.bytesReceived > 1 << 20)
            },
            body: { server in
                let peer = try server.connect()
                let held = try peer.sendUntilHeld()
                #expect(held < 64 << 20)
                go.append(())
                try peer.send(pattern(1 << 20))
                try peer.finish()
                #expect(try peer.receiveToEnd() == [])
            })
    }

    @Test("A peer that does not read suspends whoever sends, and gets everything once it reads")
    func slowPeer() async throws {
        let sent = Journal<Int>()
        let count = 600
        try await withTaskServer(
            handler: { client in
                for index in 0..<count {
                    try await client.send(pattern(64 << 10))
                    #expect(client.connection.bytesQueued <= 192 << 10)
                    sent.append(index)
                }
            },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                try sent.wait(for: 1)
                #expect(throws: TimedOut.self) { try sent.wait(for: count, seconds: 0.5) }
                var received = 0
                while received < count * 64 << 10 { received += try peer.receiveSome().count }
                #expect(try peer.receiveToEnd() == [])
            })
    }

    @Test("What a handler has sent leaves before its client is closed")
    func flushes() async throws {
        try await withTaskServer(
            handler: { try await $0.send(pattern(4 << 20)) },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                try expect(peer.receiveToEnd(), are: pattern(4 << 20))
            })
    }

    @Test("A handler may answer after its peer has finished sending")
    func halfOpen() async throws {
        try await withTaskServer(
            handler: { client in
                var bytes = 0
                for try await message in client.messages { bytes += message.count }
                _ = await onThreadOfItsOwn {}
                try await client.send("\(bytes)")
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("hello")
                try peer.finish()
                #expect(try peer.receiveToEnd() == Array("5".utf8))
            })
    }

    @Test("A reset is thrown, from a wait for a message as from a wait to send", .tcpOnly)
    func resets() async throws {
        let (begun, ends) = (Journal<Void>(), Journal<UVEndReason>())
        try await withTaskServer(
            handler: { client in
                begun.append(())
                do {
                    for try await _ in client.messages {
                        while true { try await client.send(pattern(64 << 10)) }
                    }
                } catch let end as UVEndReason {
                    ends.append(end)
                }
            },
            body: { server in
                let (idle, busy) = (try server.connect(), try server.connect())
                try begun.wait(for: 2)
                try idle.reset()
                try ends.wait(for: 1)
                try busy.send("x")
                _ = try busy.receive(1 << 20)
                try busy.reset()
                #expect(try ends.wait(for: 2) == [.peerReset, .peerReset])
            })
    }

    @Test("A handler that throws ends its own client, and no other")
    func throwing() async throws {
        struct Refused: Error {}
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                for try await line in client.messages {
                    if line == Array("fail".utf8) { throw Refused() }
                    try await client.send(line)
                }
            },
            body: { server in
                let (one, other) = (try server.connect(), try server.connect())
                try one.send("a\nfail\nb\n")
                #expect(try one.receiveToEnd() == Array("a\n".utf8))
                #expect(
                    try other.exchange(Array("still here\n".utf8)) == Array("still here\n".utf8))
            })
    }

    @Test(
        "A server that ends lets its handlers finish, and returns when they have",
        arguments: [false, true])
    func drains(isCancelled: Bool) async throws {
        let (begun, ended) = (Journal<Void>(), Journal<Void>())
        try await withTaskServer(
            handler: { client in
                begun.append(())
                do {
                    for try await message in client.messages { try await client.send(message) }
                } catch is CancellationError where isCancelled {}
                try await client.send("goodbye")
                ended.append(())
            },
            body: { server in
                let peers = try (0..<20).map { _ in try server.connect() }
                try begun.wait(for: 20)
                if isCancelled {
                    server.cancel()
                } else {
                    let remote = server.remote
                    Task { await remote.stop(drainFor: .seconds(20)) }
                }
                for peer in peers { #expect(try peer.receiveToEnd() == Array("goodbye".utf8)) }
                try ended.wait(for: 20)
            })
    }

    @Test(
        "Messages that had come when the server stops are handled before they end",
        arguments: [false, true])
    func kept(isBorrowed: Bool) async throws {
        let (handled, stopped) = (Journal<String>(), Journal<Void>())
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                guard let first = try await client.nextMessage() else { return }
                handled.append(String(decoding: first, as: UTF8.self))
                // The others have come with it, and are kept.
                _ = await onThreadOfItsOwn { _ = try? stopped.first() }
                if isBorrowed {
                    try await client.forEachMessage {
                        handled.append(String(decoding: Array(message: $0), as: UTF8.self))
                    }
                } else {
                    for try await message in client.messages {
                        handled.append(String(decoding: message, as: UTF8.self))
                    }
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("1\n2\n3\n4\n5\n")
                try handled.wait(for: 1)
                let remote = server.remote
                Task { await remote.stop(drainFor: .seconds(20)) }
                while (try? server.connect()) != nil {}
                stopped.append(())
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            })
        #expect(handled.entries == ["1", "2", "3", "4", "5"])
    }

    @Test("A cancelled server cancels what its handlers await")
    func cancels() async throws {
        let (begun, cancelled) = (Journal<Void>(), Journal<Bool>())
        try await withTaskServer(
            handler: { _ in
                begun.append(())
                do {
                    try await waitForCancellation()
                } catch {
                    cancelled.append(error is CancellationError)
                    throw error
                }
            },
            body: { server in
                let peer = try server.connect()
                try begun.first()
                server.cancel()
                #expect(try cancelled.first())
                #expect(try peer.receiveToEnd() == [])
            })
    }

    @Test("Handlers run on one thread, and come back to it from wherever they awaited something")
    func oneThread() async throws {
        let thread = try LoopThread(.untilStopped) { _ in ((), {}) }
        let elsewhere = LoopActor(on: thread.loop)
        let threads = Journal<UInt>()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                threads.append(UInt(pthread_self()))
                for try await line in client.messages {
                    await elsewhere.visit()
                    threads.append(UInt(pthread_self()))
                    await Task.yield()
                    threads.append(UInt(pthread_self()))
                    // To sleep is what is tested, not a wait for something: the runtime's own timer
                    // brings the handler back, from another thread.
                    try await Task.sleep(for: .milliseconds(1))
                    threads.append(UInt(pthread_self()))
                    #expect(client.connection.loop.isOnLoop)
                    try await client.send(line)
                }
            },
            body: { server in
                let peers = try (0..<10).map { _ in try server.connect() }
                for _ in 0..<5 {
                    for peer in peers { try peer.send("x\n") }
                    for peer in peers { #expect(try peer.receive(2) == Array("x\n".utf8)) }
                }
                let all = try threads.wait(for: 10 + 10 * 5 * 3)
                #expect(Set(all).count == 1)
            })
        try thread.finish()
    }

    @Test("What breaks the framing is thrown, and so is a message that cannot be sent")
    func framing() async throws {
        let ends = Journal<String>()
        try await withTaskServer(
            framing: .lines(maximumLength: 8),
            handler: { client in
                do {
                    for try await _ in client.messages { try await client.send("two\nlines") }
                } catch let error as FramingError {
                    ends.append("\(error)")
                    for try await _ in client.messages {}
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("short\n")
                _ = try ends.first()
                try peer.send("much too long\n")
                #expect(try peer.receiveToEnd() == [])
            })
    }
}
