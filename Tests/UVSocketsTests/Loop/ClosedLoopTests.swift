import Foundation
import Testing

@testable import UVSockets

@Suite("A loop that is closed, or dropped", .ownThreads, .timeLimit(.minutes(2)))
struct ClosedLoopTests {
    static let calls = [
        "UVLoop.run", "UVLoop.mailbox", "UVLoop.on", "UVLoop.after", "UVLoop.every",
        "UVListener.init", "UVListener.startAccept", "UVConnector.init", "UVConnector.startConnect",
    ]

    @Test("What needs an open loop traps and says so", arguments: calls)
    func traps(call: String) async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) { [call] in
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            let connector = UVConnector(on: loop, to: "127.0.0.1:1") { _, _ in }
            try loop.close()
            switch call {
            case "UVLoop.run": loop.run()
            case "UVLoop.mailbox": _ = loop.mailbox { (_: Int) in }
            case "UVLoop.on": try loop.on(.user1) {}
            case "UVLoop.after": try loop.after(.seconds(1)) {}
            case "UVLoop.every": try loop.every(.seconds(1)) {}
            case "UVListener.init": _ = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            case "UVListener.startAccept": try listener.startAccept()
            case "UVConnector.init": _ = UVConnector(on: loop, to: "127.0.0.1:1") { _, _ in }
            default: try connector.startConnect()
            }
        }
        #expect(result.said("\(call) was called on a closed loop"))
    }

    @Test("What has ended on it may still be asked and told, and changes nothing")
    func ended() throws {
        try onThread {
            let loop = try UVLoop()
            var ended: UVConnection?
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            listener.onConnected = { client in
                ended = client
                client.reset()
            }
            listener.onDisconnected = { client, _ in client.listener?.stop() }
            try listener.startAccept()
            let peer = try RawPeer(to: listener.localEndpoint ?? listener.endpoint)
            let timer = try loop.after(.milliseconds(1)) {}
            loop.run()
            try loop.close()
            let client = try #require(ended)
            client.resumeReceiving()
            client.pauseReceiving()
            client.framing = .lines
            #expect(client.send("x") == .closed)
            client.finish()
            client.close()
            client.reset()
            #expect(client.localEndpoint == nil)
            #expect(!client.isOpen)
            listener.kick(client)
            listener.stop()
            timer.cancel()
            #expect(listener.broadcast("x").receivers == 0)
            #expect(!loop.submit {})
            loop.stop()
            try loop.close()
            withExtendedLifetime(peer) {}
        }
    }

    @Test("A timer and a signal watch are freed, also where their closures refer to them")
    func cycles() throws {
        try onThread {
            let loop = try UVLoop()
            weak var keptTimer: UVTimer?
            weak var keptWatch: UVSignalWatch?
            do {
                var (timer, watch): (UVTimer?, UVSignalWatch?)
                timer = try loop.every(.milliseconds(1)) {
                    timer?.cancel()
                    watch?.cancel()
                }
                watch = try loop.on(.hangup) { watch?.cancel() }
                (keptTimer, keptWatch) = (timer, watch)
            }
            loop.run()
            #expect(keptTimer == nil)
            #expect(keptWatch == nil)
            try loop.close()
        }
    }

    @Test("A close finishes what was ended just before, and what ends with that")
    func closeAfterEnd() throws {
        try onThread {
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            var client: UVConnection?
            listener.onConnected = {
                client = $0
                loop.stop()
            }
            try listener.startAccept()
            let peer = try RawPeer(to: try #require(listener.localEndpoint))
            loop.run(.untilStopped)
            client?.reset()
            listener.stop(drainFor: .zero)
            try loop.close()
            peer.close()
        }
    }

    @Test("Loops that nobody keeps leave no descriptor")
    func dropped() async {
        await #expect(processExitsWith: .success) {
            // What the runtime opens, for the first or now and then, is not the loop's.
            try UVLoop().close()
            let before = RawSocket.descriptors.count
            for round in 0..<50 {
                let loop = try UVLoop()
                if round % 2 == 0 {
                    try loop.after(.milliseconds(1)) {}
                    loop.run()
                }
            }
            if RawSocket.descriptors.count > before + 10 { exit(1) }
        }
    }

    @Test("Nor do loops that have not run since something on them was ended")
    func droppedAfterEnd() async {
        await #expect(processExitsWith: .success) {
            func listener(on loop: UVLoop) -> UVListener {
                UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            }
            func connector(on loop: UVLoop, to endpoint: UVEndpoint) -> UVConnector {
                UVConnector(on: loop, to: endpoint) { _, _ in }
            }
            let uses: [(name: String, body: (UVLoop) throws -> Void)] = [
                ("timer", { try $0.after(.seconds(9)) {}.cancel() }),
                (
                    "timer of its loop",
                    { loop in try loop.every(.seconds(9)) { loop.stop() }.cancel() }
                ),
                ("watch", { try $0.on(.user2) {}.cancel() }),
                ("watch of its loop", { loop in try loop.on(.user2) { loop.stop() }.cancel() }),
                ("idle listener", { _ = listener(on: $0) }),
                ("remote of an idle listener", { _ = listener(on: $0).remote }),
                (
                    "listener",
                    { loop in
                        let listener = listener(on: loop)
                        listener.onListening = { _ in loop.stop() }
                        try listener.startAccept()
                        listener.stop()
                    }
                ),
                (
                    "remote",
                    { loop in
                        let listener = listener(on: loop)
                        let remote = listener.remote
                        try listener.startAccept()
                        remote.post([1])
                        listener.stop()
                    }
                ),
                (
                    "listener's lookup",
                    { loop in
                        let listener = UVListener(on: loop, at: "localhost:0") { _, _ in }
                        try listener.startAccept()
                        listener.stop()
                    }
                ),
                (
                    "connector",
                    { loop in
                        let connector = connector(on: loop, to: "127.0.0.1:9")
                        try connector.startConnect()
                        connector.cancel()
                    }
                ),
                (
                    "connector's lookup",
                    { loop in
                        let connector = connector(on: loop, to: "localhost:9")
                        try connector.startConnect()
                        connector.cancel()
                    }
                ),
                ("submission", { loop in loop.submit {} }),
                ("message", { loop in loop.mailbox { (_: Int) in }.post(1) }),
                (
                    "message from elsewhere",
                    { loop in
                        let box = loop.mailbox { (_: Int) in }
                        try onThread { _ = box.post(1) }
                    }
                ),
                ("stop", { loop in try onThread { loop.stop() } }),
            ]
            // What the runtime opens, for the first or now and then, is not the loop's.
            try UVLoop().close()
            for (index, use) in uses.enumerated() {
                let before = RawSocket.descriptors.count
                for _ in 0..<20 { try use.body(try UVLoop()) }
                // A thread lets go of its loop when it has ended, which is a moment later.
                let deadline = ContinuousClock.now + .seconds(20)
                while RawSocket.descriptors.count > before + 10 {
                    // The status tells which of them it is.
                    if ContinuousClock.now > deadline { exit(Int32(100 + index)) }
                    // No event tells that a thread has let go.
                    usleep(10_000)
                }
            }
        }
    }

    @Test("A stop that comes before a run ends that run, and no other", arguments: [true, false])
    func stopBefore(isElsewhere: Bool) throws {
        try onThread {
            let loop = try UVLoop()
            // The loop is this thread's.
            loop.run()
            if isElsewhere { try onThread { loop.stop() } } else { loop.stop() }
            var fired = 0
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            try listener.startAccept()
            try loop.after(.milliseconds(1)) {
                fired += 1
                listener.stop()
            }
            loop.run()
            #expect(fired == 0)
            loop.run()
            #expect(fired == 1)
            try loop.close()
        }
    }

    @Test("A stop that comes before the close does not keep the loop open")
    func stopBeforeClose() throws {
        try onThread {
            let loop = try UVLoop()
            loop.run()
            try onThread { loop.stop() }
            try loop.close()
        }
    }

    @Test("A task of the loop that comes back when it is closed goes on, alone")
    func lateJobs() async throws {
        let (come, gate) = AsyncStream.makeStream(of: Void.self)
        let (began, closed) = (Journal<Void>(), Journal<Void>())
        let loop = try UVLoop()
        let counter = Counter(on: loop)
        Thread.detachNewThread {
            loop.run(.untilStopped)
            try? loop.close()
            closed.append(())
        }
        let task = beginTask {
            await counter.add()
            began.append(())
            for await _ in come {}
            for _ in 0..<100 { await counter.add() }
        }
        try await began.arrival(of: 1)
        loop.stop()
        try await closed.arrival(of: 1)
        #expect(!loop.submit {})
        gate.finish()
        await task.value
        #expect(await counter.count == 101)
    }

    /// Counts on a loop.
    private actor Counter {
        nonisolated let loop: UVLoop
        private(set) var count = 0

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            loop.asUnownedSerialExecutor()
        }

        init(on loop: UVLoop) {
            self.loop = loop
        }

        func add() {
            count += 1
        }
    }
}
