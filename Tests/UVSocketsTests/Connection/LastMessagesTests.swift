import Foundation
import Testing

@testable import UVSockets

/// What came before the end is delivered, and then the end is told.
@Suite("The last messages", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct LastMessagesTests {
    @Test("Every line of one who has closed is heard, although no answer arrives")
    func answersFail() throws {
        let heard = Journal<Int>()
        let answer = pattern(2000).map { $0 | 128 }
        try withServer(
            framing: .lines,
            onMessage: { client, line in
                heard.append(line.count)
                client.send(answer)
            },
            body: { server in
                let peer = try server.connect()
                try server.connected.wait(for: 1)
                let text = (0..<5000).map { _ in "line\n" }.joined()
                try server.whileBusy {
                    try peer.send(text)
                    peer.close()
                }
                let end = try server.ended.first()
                #expect(end.reason == .peerReset || end.reason == .peerClosed)
                #expect(heard.entries.count == 5000)
            })
    }

    @Test("A handler that pauses after each line hears them all")
    func paused() throws {
        let heard = Journal<Int>()
        try withServer(
            framing: .lines,
            onMessage: { client, line in
                heard.append(line.count)
                client.send(pattern(20_000).map { $0 | 128 })
                client.pauseReceiving()
                _ = try? client.loop.after(.milliseconds(20)) { client.resumeReceiving() }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send((0..<8).map { _ in "line\n" }.joined())
                peer.close()
                _ = try server.ended.first()
                #expect(heard.entries.count == 8)
            })
    }

    @Test("A reset behind the FIN is noticed, where the connection is half-open", .tcpOnly)
    func resetBehindFIN() async throws {
        let (finished, ends) = (Journal<Void>(), Journal<UVEndReason>())
        var options = UVListenerOptions()
        options.connection.allowsHalfOpen = true
        try withServer(options: options) { server in
            let peer = try server.connect()
            try peer.finish()
            let isHalfOpen = { try server.onLoop { $0.clients.first?.state.isHalfOpen == true } }
            while try !isHalfOpen() {}
            try peer.reset()
            #expect(try server.ended.first(seconds: 5).reason == .peerReset)
        }
        try await withTaskServer(
            setUp: { $0.onDisconnected = { _, reason in ends.append(reason) } },
            handler: { client in
                for try await _ in client.messages {}
                finished.append(())
                try? await waitForCancellation()
            },
            body: { server in
                let peer = try server.connect()
                try peer.finish()
                try finished.wait(for: 1)
                try peer.reset()
                #expect(try ends.first(seconds: 5) == .peerReset)
                server.cancel()
            })
    }

    // MARK: - Peers that are there, and peers that are gone

    @Test("One that reads nothing is there, however long its window is closed", .tcpOnly)
    func deaf() throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = nil
        options.connection.keepAlive = UVKeepAlive(
            idle: .seconds(1), interval: .seconds(1), count: 1)
        let payload = pattern(2_000_000)
        try withServer(options: options) { server in
            let peer = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            server.post { $0.broadcast(payload) }
            // Three times as long as one that is gone would be waited for.
            #expect(throws: TimedOut.self) { try server.ended.first(seconds: 7) }
            try expect(peer.receive(payload.count), are: payload)
        }
    }

    @Test("One that acknowledges nothing has vanished", .tcpOnly, arguments: [100, 8 << 20])
    func gone(bytes: Int) throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = nil
        options.connection.keepAlive = UVKeepAlive(
            idle: .seconds(1), interval: .seconds(1), count: 1)
        try withServer(options: options) { server in
            let peer = try server.connect(receiveBuffer: 4096)
            #expect(try peer.exchange([1]) == [1])
            try peer.hearNothing()
            server.post { $0.broadcast(pattern(bytes)) }
            #expect(try server.ended.first(seconds: 8).reason == .peerVanished)
        }
    }

    @Test("A peer is gone when it was silent for as long as it may be, and not before")
    func silence() {
        var silence = PeerSilence(patience: 120_000)
        #expect(silence.interval == 12_000)
        var now: UInt64 = 1_000_000
        // It was quiet for long before it was sent anything.
        var peer = Unanswered(quiet: 900_000, isProbing: false)
        var isGone = silence.isGone(7, peer, now: now)
        var rounds = 0
        while !isGone, rounds < 20 {
            silence.roundEnded()
            now += silence.interval
            peer.quiet += silence.interval
            rounds += 1
            isGone = silence.isGone(7, peer, now: now)
        }
        #expect(rounds == 9)
        // One that answers now and then is not.
        for _ in 0..<50 {
            silence.roundEnded()
            now += silence.interval
            let isGone = silence.isGone(8, Unanswered(quiet: 5000, isProbing: true), now: now)
            #expect(!isGone)
        }
        // One whose window was closed was asked all the time.
        silence.roundEnded()
        now += silence.interval
        var answers: [Bool] = []
        for quiet in [30_000, 114_000] as [UInt64] {
            answers.append(silence.isGone(9, Unanswered(quiet: quiet, isProbing: true), now: now))
            silence.roundEnded()
            now += silence.interval
        }
        #expect(answers == [false, true])
        #expect(PeerSilence(patience: 2000).interval == 1000)
    }
}
