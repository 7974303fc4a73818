import Foundation
import Testing
import UVSockets

/// A witness of each kind on real sockets, by the machine's clock: `DeadlineTests` has the others.
@Suite("Deadlines on sockets", .ownThreads, .timeLimit(.minutes(1)))
struct DeadlineSocketTests {
    /// How much earlier than told a clock of whole milliseconds may be.
    private static let earliness = Duration.milliseconds(10)
    /// How much later a slow machine may be.
    private static let lateness = Duration.seconds(5)

    @Test("A silent peer is idle after the time, and not before")
    func idle() throws {
        let timeout = Duration.milliseconds(350)
        var options = UVListenerOptions()
        options.connection.idleTimeout = timeout
        try withServer(options: options) { server in
            let began = ContinuousClock.now
            let peer = try server.connect()
            #expect(try peer.receiveToEnd() == [])
            Self.expectTime(since: began, timeout)
            peer.close()
            #expect(try server.ended.first().reason == .idle)
        }
    }

    @Test("A peer that never reads has stalled after the time, although it keeps sending")
    func stalled() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = .milliseconds(400)
        options.connection.holdsAboveHighWatermark = false
        let heard = Journal<Int>()
        let message = pattern(12 << 20)
        try withServer(
            options: options, onMessage: { _, bytes in heard.append(bytes.count) },
            configure: { $0.onConnected = { $0.send(message) } },
            body: { server in
                let began = ContinuousClock.now
                let peer = try server.connect(receiveBuffer: 2048)
                try Self.until(!server.ended.entries.isEmpty) {
                    _ = peer.poll(0, seconds: 0.03)
                    try? peer.send("x")
                }
                Self.expectTime(since: began, .milliseconds(400))
                let end = try server.ended.first()
                #expect(end.reason == .stalled)
                #expect(end.bytesQueued > 0)
                #expect(heard.entries.count > 1)
                #expect((try? peer.receiveToEnd().count) ?? 0 < message.count)
            })
    }

    @Test("A peer that reads slowly but steadily has not stalled, however long one write takes")
    func steady() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = .milliseconds(400)
        let message = pattern(1 << 20)
        try withServer(
            options: options, onMessage: { client, _ in client.send(message) },
            body: { server in
                let peer = try server.connect(receiveBuffer: 4096)
                try server.connected.wait(for: 1)
                let port = peer.local.port
                let descriptor = try #require(
                    RawSocket.sockets.first { RawSocket.peerPort(of: $0) == port })
                var room: Int32 = 32 * 1024
                let status = unsafe setsockopt(
                    descriptor, SOL_SOCKET, SO_SNDBUF, &room,
                    socklen_t(MemoryLayout<Int32>.size))
                try #require(status == 0)

                let began = ContinuousClock.now
                try peer.send("x")
                var back: [UInt8] = []
                while back.count < message.count {
                    _ = peer.poll(0, seconds: 0.01)
                    let some = try peer.receiveSome(8192)
                    try #require(!some.isEmpty)
                    back += some
                }
                try expect(back, are: message)
                // Twice the time: the second look would have found it stalled.
                #expect(ContinuousClock.now - began > .milliseconds(800))
                #expect(server.ended.entries.isEmpty)
            })
    }

    @Test("A queue that stays above the soft limit for its time ends a slow receiver")
    func softLimit() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = nil
        options.connection.softSendLimit = 256 * 1024
        options.connection.softSendLimitTime = .milliseconds(400)
        let message = pattern(12 << 20)
        try withServer(
            options: options,
            configure: { $0.onConnected = { $0.send(message) } },
            body: { server in
                let began = ContinuousClock.now
                let peer = try server.connect(receiveBuffer: 4096)
                // It reads on, steadily.
                try Self.until(!server.ended.entries.isEmpty) {
                    _ = peer.poll(0, seconds: 0.02)
                    _ = try? peer.receiveSome(4096, flags: Int32(MSG_DONTWAIT))
                }
                Self.expectTime(since: began, .milliseconds(400))
                let end = try server.ended.first()
                #expect(end.reason == .slowReceiver)
                #expect(end.bytesQueued > 256 * 1024)
            })
    }

    /// Goes on until the condition holds.
    private static func until(
        _ condition: @autoclosure () -> Bool, _ body: () throws -> Void
    ) throws {
        let began = ContinuousClock.now
        while !condition() {
            guard ContinuousClock.now - began < .seconds(patience) else {
                throw TimedOut("it goes on")
            }
            try body()
        }
    }

    private static func expectTime(since began: ContinuousClock.Instant, _ timeout: Duration) {
        let elapsed = ContinuousClock.now - began
        #expect(elapsed >= timeout - earliness)
        #expect(elapsed <= timeout + lateness)
    }
}
