import Foundation
import Testing
import UVSockets

@Suite("Thread confinement", .ownThreads, .timeLimit(.minutes(2)))
struct ConfinementTests {
    static let calls = [
        "UVLoop.run", "UVLoop.close", "UVLoop.mailbox", "UVLoop.on", "UVLoop.after", "UVLoop.every",
        "UVTimer.cancel", "UVTimer.cancel=", "UVSignalWatch.cancel",
        "UVListener.init", "UVListener.startAccept", "UVListener.stop", "UVListener.clients",
        "UVListener.client", "UVListener.kick", "UVListener.broadcast",
        "UVConnector.init", "UVConnector.startConnect", "UVConnector.cancel",
        "UVConnection.send", "UVConnection.finish", "UVConnection.close", "UVConnection.reset",
        "UVConnection.pauseReceiving", "UVConnection.resumeReceiving",
    ]

    /// What is asked; a `=` behind it where it is set.
    static let properties = [
        "UVListener.onListening", "UVListener.onListening=", "UVListener.onFailed",
        "UVListener.onFailed=", "UVListener.onConnected", "UVListener.onConnected=",
        "UVListener.onDisconnected", "UVListener.onDisconnected=", "UVListener.onDrained",
        "UVListener.onDrained=", "UVListener.onPeerFinished", "UVListener.onPeerFinished=",
        "UVListener.userToken", "UVListener.userToken=", "UVListener.localEndpoint",
        "UVListener.localEndpoints",
        "UVListener.acceptFailures", "UVListener.bytesQueued", "UVListener.refusals",
        "UVListener.remote", "UVConnector.onConnected", "UVConnector.onConnected=",
        "UVConnector.onDisconnected", "UVConnector.onDisconnected=", "UVConnector.onDrained",
        "UVConnector.onDrained=", "UVConnector.onPeerFinished", "UVConnector.onPeerFinished=",
        "UVConnector.onFailed", "UVConnector.onFailed=", "UVConnector.onReconnecting",
        "UVConnector.onReconnecting=", "UVConnector.connection", "UVConnector.messagesDropped",
        "UVConnector.messagesPending", "UVConnector.isWaiting", "UVConnection.bytesReceived",
        "UVConnection.bytesSent", "UVConnection.messagesReceived", "UVConnection.listener",
        "UVConnection.peer", "UVConnection.localEndpoint", "UVConnection.age",
        "UVConnection.bytesQueued", "UVConnection.isOpen", "UVConnection.userToken",
        "UVConnection.userToken=", "UVConnection.framing", "UVConnection.framing=",
        "UVRoom.count",
    ]

    @Test(
        "Used on another thread than the loop's, everything traps and says so",
        arguments: calls + properties)
    func traps(call: String) async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) { [call] in
            try Self.use(call)
        }
        let name = call.hasSuffix("=") ? String(call.dropLast()) : call
        #expect(result.said("\(name) was called on another thread than its loop's"))
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
        let fired = try loop.after(.milliseconds(1)) { loop.stop() }
        loop.run()
        let watch = try loop.on(.user1) {}
        let room = UVRoom(of: listener)

        let calls: [String: () throws -> Void] = [
            "UVLoop.run": { loop.run() },
            "UVLoop.close": { try loop.close() },
            "UVLoop.mailbox": { _ = loop.mailbox { (_: Int) in } },
            "UVLoop.on": { try loop.on(.user1) {} },
            "UVLoop.after": { try loop.after(.seconds(1)) {} },
            "UVLoop.every": { try loop.every(.seconds(1)) {} },
            "UVTimer.cancel": { timer.cancel() },
            // One that has fired already.
            "UVTimer.cancel=": { fired.cancel() },
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
            "UVListener.onListening": { _ = listener.onListening },
            "UVListener.onListening=": { listener.onListening = nil },
            "UVListener.onFailed": { _ = listener.onFailed },
            "UVListener.onFailed=": { listener.onFailed = nil },
            "UVListener.onConnected": { _ = listener.onConnected },
            "UVListener.onConnected=": { listener.onConnected = nil },
            "UVListener.onDisconnected": { _ = listener.onDisconnected },
            "UVListener.onDisconnected=": { listener.onDisconnected = nil },
            "UVListener.onDrained": { _ = listener.onDrained },
            "UVListener.onDrained=": { listener.onDrained = nil },
            "UVListener.onPeerFinished": { _ = listener.onPeerFinished },
            "UVListener.onPeerFinished=": { listener.onPeerFinished = nil },
            "UVListener.userToken": { _ = listener.userToken },
            "UVListener.userToken=": { listener.userToken = nil },
            "UVListener.localEndpoint": { _ = listener.localEndpoint },
            "UVListener.localEndpoints": { _ = listener.localEndpoints },
            "UVListener.acceptFailures": { _ = listener.acceptFailures },
            "UVListener.bytesQueued": { _ = listener.bytesQueued },
            "UVListener.refusals": { _ = listener.refusals },
            "UVListener.remote": { _ = listener.remote },
            "UVConnector.onConnected": { _ = connector.onConnected },
            "UVConnector.onConnected=": { connector.onConnected = nil },
            "UVConnector.onDisconnected": { _ = connector.onDisconnected },
            "UVConnector.onDisconnected=": { connector.onDisconnected = nil },
            "UVConnector.onDrained": { _ = connector.onDrained },
            "UVConnector.onDrained=": { connector.onDrained = nil },
            "UVConnector.onPeerFinished": { _ = connector.onPeerFinished },
            "UVConnector.onPeerFinished=": { connector.onPeerFinished = nil },
            "UVConnector.onFailed": { _ = connector.onFailed },
            "UVConnector.onFailed=": { connector.onFailed = nil },
            "UVConnector.onReconnecting": { _ = connector.onReconnecting },
            "UVConnector.onReconnecting=": { connector.onReconnecting = nil },
            "UVConnector.connection": { _ = connector.connection },
            "UVConnector.messagesDropped": { _ = connector.messagesDropped },
            "UVConnector.messagesPending": { _ = connector.messagesPending },
            "UVConnector.isWaiting": { _ = connector.isWaiting },
            "UVConnection.bytesReceived": { _ = client.bytesReceived },
            "UVConnection.bytesSent": { _ = client.bytesSent },
            "UVConnection.messagesReceived": { _ = client.messagesReceived },
            "UVConnection.listener": { _ = client.listener },
            "UVConnection.peer": { _ = client.peer },
            "UVConnection.localEndpoint": { _ = client.localEndpoint },
            "UVConnection.age": { _ = client.age },
            "UVConnection.bytesQueued": { _ = client.bytesQueued },
            "UVConnection.isOpen": { _ = client.isOpen },
            "UVConnection.userToken": { _ = client.userToken },
            "UVConnection.userToken=": { client.userToken = nil },
            "UVConnection.framing": { _ = client.framing },
            "UVConnection.framing=": { client.framing = .raw },
            "UVRoom.count": { _ = room.count },
        ]
        nonisolated(unsafe) let body = calls[call]
        try onThread { try unsafe body?() }
        withExtendedLifetime(peer) {}
    }
}
