import Foundation
import Testing

@testable import UVSockets

@Suite("Stopping", .ownThreads, .onEachTransport, .timeLimit(.minutes(2)))
struct StopTests {
    @Test("Stopped while clients are busy, each ends once and the report adds up")
    func busy() throws {
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peers = try (0..<20).map { _ in try server.connect() }
            for (number, peer) in peers.enumerated() {
                try peer.send(pattern(1 << 16, seed: UInt64(number)))
            }
            try server.connected.wait(for: 20)
            server.post { $0.stop { reports.append($0) } }
            for peer in peers {
                // What came back is what was sent, as far as it goes.
                let back = try peer.receiveToEnd()
                #expect(back.count <= 1 << 16)
                peer.close()
            }
            let report = try reports.first()
            #expect(report.drained + report.cutOff == 20)
            let ends = try server.ended.wait(for: 20)
            #expect(ends.allSatisfy { $0.reason == .listenerStopped })
            #expect(report.bytesLost == ends.reduce(0) { $0 + $1.bytesQueued })
        }
    }

    @Test("The goodbye is the last message of every client, framed as its connection is")
    func goodbye() throws {
        let reports = Journal<UVDrainReport>()
        try withServer(
            framing: .lines,
            configure: { listener in
                listener.onConnected = { if $0.id == 2 { $0.framing = .netstring } }
            },
            body: { server in
                let peers = [try server.connect(), try server.connect()]
                try server.connected.wait(for: 2)
                server.post { listener in
                    listener.broadcast("news")
                    listener.stop(goodbye: Array("bye".utf8)) { reports.append($0) }
                    listener.stop(goodbye: Array("again".utf8))
                }
                #expect(try peers[0].receiveToEnd() == Array("news\nbye\n".utf8))
                #expect(try peers[1].receiveToEnd() == Array("4:news,3:bye,".utf8))
                for peer in peers { peer.close() }
                #expect(try reports.first() == UVDrainReport(drained: 2))
            })
    }

    @Test("What is queued reaches clients that read it")
    func drains() throws {
        let payload = pattern(3 << 20)
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peers = try (0..<3).map { _ in try server.connect(receiveBuffer: 4096) }
            try server.connected.wait(for: 3)
            server.post { listener in
                for client in listener.clients { client.send(payload) }
                listener.stop(drainFor: .seconds(30)) { reports.append($0) }
            }
            for peer in peers {
                try expect(peer.receiveToEnd(), are: payload)
                peer.close()
            }
            #expect(try reports.first().drained == 3)
            #expect(try reports.first().cutOff == 0)
            #expect(try reports.first().bytesLost == 0)
        }
    }

    @Test(
        "A client that does not read is cut off when the time is over, and its bytes are counted",
        arguments: [0, 200])
    func cutOff(milliseconds: Int) throws {
        let payload = pattern(12 << 20)
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peer = try server.connect()
            try server.connected.wait(for: 1)
            server.post { listener in
                listener.broadcast(payload)
                listener.stop(drainFor: .milliseconds(milliseconds)) { reports.append($0) }
            }
            let report = try reports.first()
            #expect(report.drained == 0)
            #expect(report.cutOff == 1)
            let end = try server.ended.first()
            // What the kernel had taken, and the client's had not acknowledged, is lost as well.
            if Transport.current.hasUnacknowledged {
                #expect(report.bytesLost > end.bytesQueued)
            } else {
                #expect(report.bytesLost == end.bytesQueued)
            }
            #expect(report.bytesLost <= payload.count)
            #expect(end.reason == .listenerStopped)
            if Transport.current.hasResets {
                #expect(throws: SocketError.self) { try peer.receiveToEnd() }
            }
        }
    }

    @Test("Stopping again replaces the time, and both are told the same")
    func twice() throws {
        let reports = Journal<UVDrainReport>()
        try withServer { server in
            let peer = try server.connect()
            try server.connected.wait(for: 1)
            server.post { listener in
                listener.broadcast(pattern(12 << 20))
                listener.stop(drainFor: .seconds(3600)) { reports.append($0) }
            }
            _ = try server.onLoop { $0.clients.count }
            #expect(reports.entries.isEmpty)
            server.post { $0.stop(drainFor: .zero) { reports.append($0) } }
            let both = try reports.wait(for: 2)
            #expect(both[0] == both[1])
            #expect(both[0].cutOff == 1)
            withExtendedLifetime(peer) {}
        }
    }

    @Test(
        "With nobody there it is done at once, however often it is asked, but not within the call")
    func nobody() throws {
        try withServer(at: Transport.freeEndpoint(host: "127.88.0.4")) { server in
            let reports = Journal<UVDrainReport>()
            let within = try server.onLoop { listener in
                listener.stop { reports.append($0) }
                listener.stop { reports.append($0) }
                return reports.entries.count
            }
            #expect(within == 0)
            #expect(try reports.wait(for: 2) == [UVDrainReport(), UVDrainReport()])
            #expect(throws: SocketError.self) { try server.connect() }
        }
    }

    @Test("Stopped in a handler, what was sent before arrives", arguments: [false, true])
    func inHandler(hasMore: Bool) throws {
        let reports = Journal<UVDrainReport>()
        try withServer(
            onMessage: { client, _ in
                client.send("bye")
                client.listener?.stop { reports.append($0) }
                #expect(client.send("never") == .closed)
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                if hasMore { try peer.send(pattern(1 << 20)) }
                #expect(try peer.receiveToEnd() == Array("bye".utf8))
                peer.close()
                #expect(try reports.first().drained == 1)
                #expect(try server.ended.first().reason == .listenerStopped)
            })
    }

    @Test("Stopped in a handler with no time, what was sent arrives or is reported as lost")
    func inHandlerAtOnce() throws {
        let reports = Journal<UVDrainReport>()
        try withServer(
            onMessage: { client, _ in
                client.send("bye")
                client.listener?.stop(drainFor: .zero) { reports.append($0) }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("x")
                let came = (try? peer.receiveToEnd()) ?? []
                let report = try reports.first()
                #expect(report.bytesLost == 3 - came.count)
                #expect(report.drained == (came.count == 3 ? 1 : 0))
                #expect(report.cutOff == (came.count == 3 ? 0 : 1))
            })
    }

    @Test("A client that comes in as it stops is sent away")
    func onConnected() throws {
        try withServer(
            configure: { $0.onConnected = { $0.listener?.stop() } },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.receiveToEnd() == [])
                peer.close()
                #expect(try server.ended.first().reason == .listenerStopped)
            })
    }

    @Test("A listener that never started can be stopped, and then does not start", .tcpOnly)
    func beforeStart() throws {
        try onThread {
            let loop = try UVLoop()
            let listener = UVListener(on: loop, at: "127.0.0.1:0") { _, _ in }
            listener.stop()
            let error = #expect(throws: UVError.self) { try listener.startAccept() }
            #expect(error?.code == .canceled)
            #expect(listener.localEndpoint == nil)
            loop.run()
            try loop.close()
        }
    }

    @Test("It listens no longer, also where a child that was forked still has the socket", .tcpOnly)
    func forked() throws {
        try withServer(at: "127.88.0.5:0") { server in
            let socket = try #require(
                (3..<20_000).first { number in
                    SocketDescriptor(number: number).localAddress?.endpoint == server.endpoint
                })
            let childs = dup(socket)
            defer { close(childs) }
            #expect(childs >= 0)
            try server.onLoop { $0.stop() }
            let error = #expect(throws: SocketError.self) { _ = try server.connect() }
            #expect(error?.number == ECONNREFUSED)
            // Another server gets the address at once.
            try server.onLoop { stopped in
                let loop = stopped.loop
                let next = UVListener(on: loop, at: server.endpoint, onMessageReceived: echo)
                try next.startAccept()
                next.stop()
            }
        }
    }
}
