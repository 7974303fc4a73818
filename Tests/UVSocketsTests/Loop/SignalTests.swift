import Foundation
import Testing
import UVSockets

@Suite("Signals", .ownThreads, .timeLimit(.minutes(1)))
struct SignalTests {
    @Test("Every loop that watches a signal gets it, and the process does not end")
    func watched() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let one = try UVLoop()
            let other = try onThread { try UVLoop() }
            var watches: [UVSignalWatch] = []
            var seen = 0
            watches.append(
                try one.on(.user1) {
                    seen += 1
                    one.stop()
                })
            watches.append(try one.on(.user1) { seen += 1 })
            let otherSeen = Journal<Void>()
            let isWatching = Journal<Void>()
            Thread.detachNewThread {
                guard (try? other.on(.user1) { otherSeen.append(()) }) != nil else { return }
                isWatching.append(())
                other.run(.untilStopped)
            }
            try isWatching.wait(for: 1)
            raiseUnblocked(SIGUSR1)
            one.run(.untilStopped)
            try otherSeen.wait(for: 1)
            for watch in watches { watch.cancel() }
            one.run()
            try one.close()
            exit(seen == 2 ? 7 : 1)
        }
    }

    @Test("Once nobody watches it, a signal does what it does by default")
    func cancelled() async {
        await #expect(processExitsWith: .signal(SIGUSR2)) {
            let loop = try UVLoop()
            let watch = try loop.on(.user2) { exit(0) }
            watch.cancel()
            watch.cancel()
            loop.run()
            raiseUnblocked(SIGUSR2)
        }
    }

    @Test("A watch does not keep the loop running", arguments: UVSignal.allCases)
    func idle(signal: UVSignal) async {
        await #expect(processExitsWith: .exitCode(7)) { [name = "\(signal)"] in
            guard let signal = UVSignal.allCases.first(where: { "\($0)" == name }) else { exit(1) }
            let loop = try UVLoop()
            let watch = try loop.on(signal) {}
            loop.run()
            watch.cancel()
            try loop.close()
            exit(7)
        }
    }

    @Test("A signal stops a group: its clients get the goodbye, and the log stays empty")
    func group() async {
        await #expect(processExitsWith: .success) {
            let log = Journal<String>()
            let group = try UVLoopGroup(loops: 2, logger: journal(log))
            let server = try await group.listen(at: "127.0.0.1:0", framing: .lines) { _ in
                { $0.send($1) }
            }
            let endpoint = try #require(server.localEndpoint)
            async let received = onThreadOfItsOwn {
                let peers = try (0..<4).map { _ in try RawPeer(to: endpoint) }
                for peer in peers {
                    guard try peer.exchange(Array("a\n".utf8)) == Array("a\n".utf8) else { exit(1) }
                }
                // Thread Sanitizer may keep a signal, so it is sent until it was taken.
                while server.localEndpoint != nil {
                    raiseUnblocked(SIGTERM)
                    // Each signal is a stop of its own.
                    Thread.sleep(forTimeInterval: 0.02)
                }
                return try peers.map { try $0.receiveToEnd() }
            }
            try await group.run(
                stoppingOn: [.terminate, .interrupt], drainFor: .seconds(3600),
                goodbye: Array("bye".utf8))
            let goodbyes = try await received.get()
            guard goodbyes == Array(repeating: Array("bye\n".utf8), count: 4) else { exit(2) }
            guard log.entries.isEmpty else { exit(3) }
        }
    }

    @Test("A group calls a closure for each signal until it has stopped, and then refuses")
    func groupWatch() async {
        await #expect(processExitsWith: .success) {
            let (log, seen) = (Journal<String>(), Journal<Void>())
            let group = try UVLoopGroup(loops: 2, logger: journal(log))
            try await group.on(.user1) { seen.append(()) }
            raiseUnblocked(SIGUSR1)
            try seen.wait(for: 1)
            await group.stop()
            let error = await #expect(throws: UVError.self) { try await group.on(.user1) {} }
            guard error?.code == .canceled, log.entries.isEmpty else { exit(2) }
        }
    }
}
