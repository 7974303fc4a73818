import Foundation
import Testing

@testable import UVSockets

/// The report adds up: as many clients as there were, and the bytes that the kernel did not take.
@Suite("The drain's report", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct DrainReportTests {
    @Test("A client whose end stopped the listener was none of its clients any more")
    func stoppedAsOneLeaves() throws {
        let reports = Journal<(clients: Int, UVDrainReport)>()
        try withServer(
            configure: { listener in
                listener.onDisconnected = { client, _ in
                    guard client.id == 1 else { return }
                    let clients = client.listener?.clients.count ?? 0
                    client.listener?.stop { reports.append((clients, $0)) }
                }
            },
            body: { server in
                let peers = try (0..<3).map { _ in try server.connect() }
                try server.connected.wait(for: 3)
                peers[0].close()
                for peer in peers[1...] {
                    #expect(try peer.receiveToEnd() == [])
                    peer.close()
                }
                let (clients, report) = try reports.first()
                #expect(clients == 2)
                #expect(report == UVDrainReport(drained: 2, cutOff: 0, bytesLost: 0))
            })
    }

    @Test("Clients that are closing, or reset, when it is stopped are counted with the others")
    func ending() throws {
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peers = try (0..<4).map { _ in try server.connect() }
            for peer in peers { #expect(try peer.exchange([0]) == [0]) }
            server.post { listener in
                listener.client(1)?.close()
                listener.client(2)?.reset()
                listener.client(3)?.finish()
                listener.stop { reports.append($0) }
            }
            for peer in peers {
                #expect((try? peer.receiveToEnd()) ?? [] == [])
                peer.close()
            }
            #expect(try reports.first() == UVDrainReport(drained: 4, cutOff: 0, bytesLost: 0))
        }
    }

    @Test("What a handler sent before it reset the client is lost, and counted")
    func resetInHandler() throws {
        let reports = Journal<UVDrainReport>()
        try withServer(
            onMessage: { client, _ in
                client.send("bye")
                client.reset()
                client.listener?.stop { reports.append($0) }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                let (bytes, error) = peer.receiveToReset()
                #expect(bytes == [])
                #expect(error == (Transport.current.hasResets ? ECONNRESET : 0))
                #expect(try reports.first() == UVDrainReport(drained: 0, cutOff: 1, bytesLost: 3))
                #expect(try server.ended.first().bytesQueued == 3)
            })
    }

    @Test("What a handler sent to a client that has reset is lost, and counted")
    func peerReset() throws {
        let reports = Journal<UVDrainReport>()
        let (received, gone) = (Journal<Void>(), Journal<Void>())
        try withServer(
            onMessage: { client, _ in
                received.append(())
                _ = try? gone.wait(for: 1)
                // On a busy machine the kernel may bring the reset later.
                var hangUp = pollfd(fd: client.handle.socket?.number ?? -1, events: 0, revents: 0)
                _ = unsafe poll(&hangUp, 1, 10_000)
                client.send("bye")
                client.listener?.stop { reports.append($0) }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                try received.wait(for: 1)
                try peer.reset()
                gone.append(())
                #expect(try reports.first() == UVDrainReport(drained: 0, cutOff: 1, bytesLost: 3))
            })
    }

    @Test("Of a write that is cut off half-way, only what the kernel has not taken is lost")
    func halfWritten() throws {
        let size = 12 << 20
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peer = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            server.post { $0.broadcast(pattern(size)) }
            // A write in flight is of 1 MiB, as long as more than that is queued.
            func progress() throws -> (unwritten: Int, queued: Int) {
                try server.onLoop { listener in
                    let client = listener.clients.first
                    return (client?.handle.bytesUnwritten ?? 0, client?.queuedBytes ?? 0)
                }
            }
            var (unwritten, queued) = try progress()
            while unwritten == 0 || unwritten == 1 << 20 {
                _ = try peer.receive(50_000)
                (unwritten, queued) = try progress()
            }
            try #require(queued > 1 << 20)
            let unsent = try server.onLoop { listener in
                defer { listener.stop(drainFor: .zero) { reports.append($0) } }
                guard let client = listener.clients.first else { return 0 }
                return client.queuedBytes - (1 << 20) + client.handle.bytesUnwritten
            }
            let report = try reports.first()
            #expect(report.drained == 0 && report.cutOff == 1)
            #expect(report.bytesLost >= unsent)
            let end = try server.ended.first()
            #expect(Int(end.bytesSent) + unsent == size)
            #expect(end.bytesQueued == unsent)
        }
    }

    @Test(
        "A client that has finished, and reads all in the drain time, has got all", .tcpOnly,
        arguments: [false, true])
    func finishedClient(isBeforeStop: Bool) throws {
        let reports = Journal<UVDrainReport>()
        try withServer(
            body: { server in
                let peer = try server.connect()
                try server.connected.wait(for: 1)
                server.post { $0.broadcast(pattern(1 << 20)) }
                if isBeforeStop { try peer.finish() }
                server.post { listener in listener.stop { reports.append($0) } }
                #expect(try peer.receive(2048).count == 2048)
                if !isBeforeStop { try peer.finish() }
                // Longer than what it says takes to come.
                #expect(throws: TimedOut.self) { try reports.first(seconds: 0.3) }
                #expect(try peer.receiveToEnd().count == (1 << 20) - 2048)
                #expect(
                    try reports.first() == UVDrainReport(drained: 1, cutOff: 0, bytesLost: 0))
            })
    }

    @Test("A client that has finished, and then resets, does not hold up the stop", .tcpOnly)
    func resetBehindFinish() throws {
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peer = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            server.post { listener in
                listener.broadcast(pattern(200_000))
                listener.stop(drainFor: .seconds(50)) { reports.append($0) }
            }
            try peer.finish()
            #expect(throws: TimedOut.self) { try reports.first(seconds: 0.3) }
            try peer.reset()
            let report = try reports.first(seconds: 20)
            #expect(report.drained == 0 && report.cutOff == 1)
            #expect(report.bytesLost > 0)
        }
    }

    @Test("A client that is paused, or held back, gets what is queued like any other")
    func paused() throws {
        let payload = pattern(3 << 20)
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peer = try server.connect(receiveBuffer: 4096)
            try server.connected.wait(for: 1)
            try server.onLoop { $0.clients.first?.pauseReceiving() }
            try peer.send("unread")
            server.post { listener in
                listener.broadcast(payload)
                listener.stop(drainFor: .seconds(30)) { reports.append($0) }
            }
            try peer.send("unread")
            try expect(peer.receiveToEnd(), are: payload)
            peer.close()
            #expect(try reports.first() == UVDrainReport(drained: 1, cutOff: 0, bytesLost: 0))
        }
    }
}
