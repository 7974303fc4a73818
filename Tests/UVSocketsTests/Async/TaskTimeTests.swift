import Testing
import UVSocketsTesting

@testable import UVSockets

/// By the clock of a network in memory.
@Suite("Tasks that take long", .onPool, .timeLimit(.minutes(1)))
struct TaskTimeTests {
    @Test("A task of slow jobs gets them all, and then the end", arguments: [false, true])
    func slowJobs(isReset: Bool) throws {
        let network = try UVTestNetwork()
        let (done, ends) = (Journal<Int>(), Journal<UVEndReason?>())
        let server = network.serve(framing: .lines, options: .patient) { client in
            do {
                for try await job in client.messages {
                    await pause(.seconds(15), on: client.connection.loop)
                    client.send([UInt8](repeating: 1, count: 100_000).span)
                    done.append(job.count)
                }
                ends.append(nil)
            } catch let end as UVEndReason {
                ends.append(end)
            }
        }
        let peer = try network.connect(to: server)
        peer.isReading = false
        peer.send((0..<8).map { _ in "job\n" }.joined())
        network.run(for: .seconds(15))
        #expect(done.entries.count == 1)
        if isReset { peer.reset() } else { peer.close() }
        network.run(for: .milliseconds(104_999))
        #expect(done.entries.count == 7)
        #expect(ends.entries.isEmpty)
        network.run(for: .seconds(3))
        #expect(done.entries.count == 8)
        #expect(ends.entries.count == 1)
    }

    @Test("A task that waits for something else learns of a reset, although messages are left")
    func messagesLeft() throws {
        let network = try UVTestNetwork()
        let (cancelled, messages) = (Journal<Bool>(), Journal<[UInt8]>())
        let server = network.serve(framing: .lines, options: .patient) { client in
            _ = try await client.nextMessage()
            // On the loop itself: a sleep would be woken by way of a thread of the pool.
            await TaskSlot().waitUnlessCancelled(on: client.loop)
            cancelled.append(Task.isCancelled)
            // They are there for it nevertheless.
            for _ in 0..<2 { messages.append(try await client.nextMessage() ?? []) }
        }
        let peer = try network.connect(to: server)
        peer.send("1\n2\n3\n")
        network.run()
        peer.reset()
        network.run(for: .seconds(29))
        #expect(cancelled.entries.isEmpty)
        network.run(for: .seconds(5))
        #expect(cancelled.entries == [true])
        #expect(messages.entries == [[50], [51]])
    }

    @Test("So does the task of a callback that holds messages back")
    func callbackMessagesLeft() throws {
        let (cancelled, ended) = (Journal<String>(), Journal<UVEndReason>())
        var options = UVConnectionOptions.listener
        options.taskLimit = 1
        let connection = try UVTestConnection(
            framing: .lines, options: options,
            onConnected: { $0.listener?.onDisconnected = { ended.append($1) } },
            onMessageReceived: { client, line in
                let text = String(message: line)
                client.task {
                    await TaskSlot().waitUnlessCancelled(on: client.loop)
                    cancelled.append(text)
                }
            })
        connection.feed("a\nb\n")
        connection.peer.reset()
        connection.network.run(for: .seconds(29))
        #expect(cancelled.entries.isEmpty)
        connection.network.run(for: .seconds(5))
        // The next message is the last. So the connection has ended, and its task is cancelled at once.
        #expect(cancelled.entries == ["a", "b"])
        #expect(ended.entries == [.peerReset])
    }

    /// A proxy, and the server behind it.
    private static func proxy(
        _ options: UVListenerOptions
    ) throws -> (network: UVTestNetwork, client: UVTestPeer, server: UVTestPeer) {
        let network = try UVTestNetwork()
        let upstream = try network.listen(at: "upstream.example:7000")
        let proxy = network.serve(options: options) { client in
            try await client.connect(to: "upstream.example:7000") { server in
                try await client.relay(with: server)
            }
        }
        let client = try network.connect(to: proxy)
        network.run()
        return (network, client, try #require(upstream.peers.first))
    }

    /// Lets a client read after an hour, and checks that it gets all.
    private static func readLate(
        _ client: UVTestPeer, _ payload: [UInt8], on network: UVTestNetwork
    ) throws {
        network.run(for: .seconds(3600))
        #expect(client.end == .open)
        client.isReading = true
        network.run()
        try expect(client.take(), are: payload)
        #expect(client.end == .finished)
    }

    @Test("A client that reads nothing for longer than the stall time is not ended by a relay")
    func relayPaused() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = .seconds(30)
        let (network, client, server) = try Self.proxy(options)
        client.isReading = false
        let payload = pattern(2 << 20)
        server.send(payload)
        server.finish()
        try Self.readLate(client, payload, on: network)
    }

    @Test("One that has finished and pauses gets the rest, however long the flush timeout")
    func relayPausedAtEnd() throws {
        var options = UVListenerOptions()
        options.connection.flushTimeout = .seconds(2)
        let (network, client, server) = try Self.proxy(options)
        client.isReading = false
        client.finish()
        network.run()
        #expect(server.end == .finished)
        // So much that the proxy has the rest in its queue.
        let payload = pattern(2 * 64 * 1024 + 30_000)
        server.send(payload)
        server.close()
        try Self.readLate(client, payload, on: network)
    }
}
