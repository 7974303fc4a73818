import Foundation
import Testing
import UVSockets

@Suite("Thread confinement", .ownThreads, .timeLimit(.minutes(2)))
struct ConfinementTests {
    static let calls = [
        "UVLoop.run", "UVLoop.close", "UVLoop.mailbox", "UVLoop.on", "UVLoop.after", "UVLoop.every",
        "UVTimer.cancel", "UVSignalWatch.cancel",
        "UVListener.init", "UVListener.startAccept", "UVListener.stop", "UVListener.clients",
        "UVListener.client", "UVListener.kick", "UVListener.broadcast",
        "UVConnector.init", "UVConnector.startConnect", "UVConnector.cancel",
        "UVConnection.send", "UVConnection.finish", "UVConnection.close", "UVConnection.reset",
        "UVConnection.pauseReceiving", "UVConnection.resumeReceiving",
    ]

    @Test("Used on another thread than the loop's, everything traps and says so", arguments: calls)
    func traps(call: String) async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) { [call] in
            try Self.use(call)
        }
        #expect(result.said("\(call) was called on another thread than its loop's"))
    }

    /// Makes one of everything on this thread's loop, and makes a call on another thread.
    private static func use(_ call: String) throws {
        let loop = try UVLoop()
        let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
        var client: UVConnection?
        listener.onConnected = {
            client = $0
            loop.stop()
        }
        try listener.startAccept()
        let peer = try RawPeer(to: listener.localEndpoint ?? listener.endpoint)
        loop.run()
        guard let client else { return }
        let connector = UVConnector(on: loop, to: listener.endpoint) { _, _ in }
        let timer = try loop.after(.seconds(60)) {}
        let watch = try loop.on(.user1) {}

        let calls: [String: () throws -> Void] = [
            "UVLoop.run": { loop.run() },
            "UVLoop.close": { try loop.close() },
            "UVLoop.mailbox": { _ = loop.mailbox { (_: Int) in } },
            "UVLoop.on": { try loop.on(.user1) {} },
            "UVLoop.after": { try loop.after(.seconds(1)) {} },
            "UVLoop.every": { try loop.every(.seconds(1)) {} },
            "UVTimer.cancel": { timer.cancel() },
            "UVSignalWatch.cancel": { watch.cancel() },
            "UVListener.init": { _ = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in } },
            "UVListener.startAccept": { try listener.startAccept() },
            "UVListener.stop": { listener.stop() },
            "UVListener.clients": { _ = listener.clients },
            "UVListener.client": { _ = listener.client(1) },
            "UVListener.kick": { listener.kick(client) },
            "UVListener.broadcast": { listener.broadcast("x") },
            "UVConnector.init": { _ = UVConnector(on: loop, to: "127.0.0.1:1") { _, _ in } },
            "UVConnector.startConnect": { try connector.startConnect() },
            "UVConnector.cancel": { connector.cancel() },
            "UVConnection.send": { client.send("x") },
            "UVConnection.finish": { client.finish() },
            "UVConnection.close": { client.close() },
            "UVConnection.reset": { client.reset() },
            "UVConnection.pauseReceiving": { client.pauseReceiving() },
            "UVConnection.resumeReceiving": { client.resumeReceiving() },
        ]
        nonisolated(unsafe) let body = calls[call]
        try onThread { try unsafe body?() }
        withExtendedLifetime(peer) {}
    }
}
