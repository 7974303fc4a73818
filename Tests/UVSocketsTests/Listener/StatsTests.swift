import Foundation
import Testing
import UVSockets

@Suite("Statistics", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct StatsTests {
    @Test(
        "What has passed and how connections ended is counted, of those that have ended, too",
        .tcpOnly)
    func counts() throws {
        var options = UVListenerOptions(maxConnections: 3)
        options.admission.deny = ["127.0.0.9"]
        try withServer(framing: .lines, options: options) { server in
            let denied = try server.connect(from: "127.0.0.9")
            #expect(try denied.receiveToEnd() == [])
            let gone = try server.connect()
            #expect(try gone.exchange(Array("one\ntwo\n".utf8)).count == 8)
            gone.close()
            try server.ended.wait(for: 1)
            let kicked = try server.connect()
            try server.connected.wait(for: 2)
            server.post { $0.kick(2) }
            #expect(try kicked.receiveToEnd() == [])
            kicked.close()
            try server.ended.wait(for: 2)
            let here = try server.connect()
            #expect(try here.exchange(Array("three\n".utf8)).count == 6)
            let stats = try server.onLoop { $0.stats }
            #expect(stats.clients == 1)
            #expect(stats.accepted == 3)
            #expect(stats.refusals.denied == 1)
            #expect(stats.ends == [.peerClosed: 1, .kicked: 1])
            #expect(stats.bytesReceived == 14)
            #expect(stats.bytesSent == 14)
            #expect(stats.messagesReceived == 3)
            #expect(stats.bytesQueued == 0)
            let client = try #require(try server.onLoop { $0.clients.first?.stats })
            #expect(client.bytesReceived == 6)
            #expect(client.messagesReceived == 1)
            #expect(client.bytesSent == 6)
        }
    }
}
