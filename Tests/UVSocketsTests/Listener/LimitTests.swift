import Foundation
import Testing
import UVSockets

@Suite("maxConnections", .ownThreads, .onEachTransport, .timeLimit(.minutes(1)))
struct LimitTests {
    @Test("One client more than there may be waits until one leaves", arguments: [1, 3, 16, 20])
    func exact(limit: Int) throws {
        try withServer(options: UVListenerOptions(maxConnections: limit)) { server in
            var inside = try (0..<limit).map { _ in try server.connect() }
            for peer in inside { #expect(try peer.exchange([1]) == [1]) }
            let waiting = try (0..<3).map { _ in try server.connect() }
            for peer in waiting { try peer.send("x") }
            #expect(!waiting[0].poll(POLLIN, seconds: 0.2))
            #expect(server.connected.entries.count == limit)

            for (number, peer) in waiting.enumerated() {
                inside.removeFirst().close()
                #expect(try peer.receive(1) == [UInt8(ascii: "x")])
                inside.append(peer)
                #expect(server.connected.entries.count == limit + number + 1)
                #expect(try server.onLoop { $0.clients.count } == limit)
            }
            #expect(try server.onLoop { $0.maxConnections } == limit)
        }
    }

    @Test("However many wait, all have their turn, one at a time")
    func oneByOne() throws {
        try withServer(
            options: UVListenerOptions(maxConnections: 1),
            onMessage: { client, message in
                client.send("\(client.listener?.clients.count ?? 0)")
                client.close()
            },
            body: { server in
                let peers = try (0..<60).map { _ in try server.connect() }
                for peer in peers { try peer.send("x") }
                for peer in peers {
                    try #require(try peer.receiveToEnd() == [UInt8(ascii: "1")])
                    peer.close()
                }
                #expect(try server.ended.wait(for: 60).count == 60)
            })
    }

    @Test("Clients that wait at the limit when the listener stops are not let in")
    func stopWithWaiting() throws {
        try withServer(options: UVListenerOptions(maxConnections: 1)) { server in
            let inside = try server.connect()
            #expect(try inside.exchange([1]) == [1])
            let waiting = try (0..<5).map { _ in try server.connect() }
            let reports = Journal<UVDrainReport>()
            server.post { $0.stop { reports.append($0) } }
            #expect(try inside.receiveToEnd() == [])
            inside.close()
            #expect(try reports.first().drained == 1)
            for peer in waiting {
                do {
                    #expect(try peer.receiveToEnd() == [])
                } catch let error as SocketError {
                    #expect(error.number == ECONNRESET)
                }
            }
            #expect(server.connected.entries == [1])
        }
    }

    @Test("A limit beyond the descriptors is lowered, and none means as many as possible")
    func lowered() throws {
        try onThread {
            let loop = try UVLoop()
            func limit(_ wanted: Int?) -> Int {
                UVListener(
                    on: loop, at: "127.0.0.1:0", options: UVListenerOptions(maxConnections: wanted)
                ) { _, _ in }.maxConnections
            }
            let most = limit(nil)
            #expect(limit(.max) == most)
            #expect(limit(most - 1) == most - 1)
            #expect(limit(0) == 1)
            try loop.close()
        }
    }
}
