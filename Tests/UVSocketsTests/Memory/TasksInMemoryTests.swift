import Testing
import UVSocketsTesting

@testable import UVSockets

/// What tasks wait for, to the millisecond, by the clock of a network in memory.
@Suite("Tasks in memory", .onPool, .timeLimit(.minutes(1)))
struct TasksInMemoryTests {
    @Test("A server as a value runs on the network's loop, and shares a state there")
    func server() throws {
        final class Scores { var lines = 0 }
        let network = try UVTestNetwork()
        let (loop, handles) = (network.loop, Journal<UVServerHandle>())
        var server = UVServer(at: "127.0.0.1:7", framing: .lines, state: { _ in Scores() }) {
            client, scores in
            for try await _ in client.messages {
                scores.lines += 1
                try await client.send("line \(scores.lines)")
            }
            try await client.send("last words")
        }
        server.onListening = { handles.append($0) }
        let run = network.start { [server] in try await server.run(on: loop) }
        network.run { !handles.entries.isEmpty }
        let peers = try (0..<2).map { _ in try network.connect(to: "127.0.0.1:7") }
        #expect(peers[0].exchange("a\n") == "line 1\n")
        #expect(peers[1].exchange("a\n") == "line 2\n")
        let handle = try handles.first()
        let stop = network.start { await handle.stop(drainFor: .seconds(3600)) }
        network.run()
        for peer in peers {
            #expect(peer.takeText() == "last words\n")
            #expect(peer.end == .finished)
            peer.close()
        }
        #expect(network.run { run.result != nil })
        #expect(throws: Never.self) { try run.result?.get() }
        #expect(try stop.result?.get() == UVDrainReport(drained: 2))
    }

    @Test("A wait with a limit ends with it to the millisecond, and takes a message before")
    func limit() throws {
        let network = try UVTestNetwork()
        let ends = Journal<UVError?>()
        let server = network.serve(framing: .lines) { client in
            do {
                while let line = try await client.nextMessage(within: .seconds(60)) {
                    try await client.send(line)
                }
                ends.append(nil)
            } catch let error as UVError {
                ends.append(error)
                try await client.send("too late")
            }
        }
        let peer = try network.connect(to: server)
        for _ in 0..<3 {
            network.run(for: .milliseconds(59_999))
            #expect(peer.exchange("a\n") == "a\n")
        }
        network.run(for: .milliseconds(59_999))
        #expect(ends.entries.isEmpty)
        network.run(for: .milliseconds(1))
        #expect(ends.entries.map { $0?.code } == [.timedOut])
        #expect(peer.takeText() == "too late\n")
    }

    @Test("A message of a task may take as long as its connection allows")
    func messageTimeout() throws {
        let network = try UVTestNetwork()
        let reasons = Journal<UVEndReason>()
        var options = UVListenerOptions.patient
        options.connection.messageTimeout = .seconds(5)
        let server = network.serve(framing: .lines, options: options) { client in
            do {
                for try await line in client.messages { try await client.send(line) }
            } catch let end as UVEndReason {
                reasons.append(end)
            }
        }
        let peer = try network.connect(to: server)
        #expect(peer.exchange("a\n") == "a\n")
        network.run(for: .seconds(3600))
        peer.send("b")
        network.expect("its end", after: .seconds(5)) { reasons.entries == [.messageTooSlow] }
        #expect(peer.end == .finished)
    }

    @Test("A task's own limits for its client hold, and its end is told to all who wait for it")
    func ownOptions() throws {
        let network = try UVTestNetwork()
        let reasons = Journal<UVEndReason>()
        let server = network.serve(options: .patient) { client in
            client.connection.options.idleTimeout = .seconds(10)
            await withTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        if let reason = try? await client.ended { reasons.append(reason) }
                    }
                }
            }
        }
        let (idle, busy) = (try network.connect(to: server), try network.connect(to: server))
        network.run(for: .seconds(9))
        busy.send("x")
        network.run(for: .milliseconds(999))
        #expect(idle.end == .open)
        network.run(for: latest)
        #expect(idle.end == .finished)
        #expect(busy.end == .open)
        idle.close()
        network.wait { reasons.entries.count == 3 }
        #expect(reasons.entries == [.idle, .idle, .idle])
    }

    @Test("A handler that has closed its client is cancelled when the server has stopped")
    func outlivesItsClient() throws {
        let network = try UVTestNetwork()
        let ends = Journal<Bool>()
        let server = network.serve { client in
            client.close()
            do {
                try await waitForCancellation()
            } catch {
                ends.append(error is CancellationError)
                throw error
            }
        }
        let peer = try network.connect(to: server)
        peer.close()
        network.run(for: .seconds(3600))
        #expect(ends.entries.isEmpty)
        let handle = try #require(server.server)
        let stop = network.start { await handle.stop() }
        #expect(network.wait { server.result != nil && stop.result != nil })
        #expect(throws: Never.self) { try server.result?.get() }
        #expect(ends.entries == [true])
    }
}
