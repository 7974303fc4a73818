import Foundation
import Testing
import UVSockets
import UVSocketsTesting

@Suite("UVTestNetwork at its edges", .onPool, .timeLimit(.minutes(1)))
struct TestNetworkEdgeTests {
    private func makeListener(
        _ network: UVTestNetwork, at endpoint: UVEndpoint = "127.0.0.1:0",
        options: UVListenerOptions = UVListenerOptions()
    ) -> UVListener {
        UVListener(on: network.loop, at: endpoint, framing: .lines, options: options) {
            $0.send($1)
        }
    }

    @Test("What a handler awaits elsewhere comes back, and the time has not moved")
    func elsewhere() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.idleTimeout = .seconds(120)
        let answered = Journal<Void>()
        let server = network.serve(framing: .lines, options: options) { client in
            for try await line in client.messages {
                // On a thread of its own: those of the pool may be busy with other tests.
                await withCheckedContinuation { continuation in
                    Thread.detachNewThread {
                        #expect(throws: Never.self) { try answered.wait(for: 1) }
                        continuation.resume()
                    }
                }
                try await client.send(line)
            }
        }
        let client = try network.connect(to: server)
        client.send("a\n")
        var looks = 0
        let hasCome = network.wait {
            looks += 1
            // The network has waited for a while when the answer comes.
            if looks == 10 { answered.append(()) }
            return client.receivedText == "a\n"
        }
        #expect(hasCome)
        #expect(network.now < .seconds(1))
    }

    @Test("To stop the loop ends one run, and not those that follow", arguments: [false, true])
    func stop(isInCallback: Bool) throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network)
        let client = try network.connect(to: listener)
        if isInCallback {
            try network.loop.after(.milliseconds(1)) { network.loop.stop() }
            network.run(for: .milliseconds(1))
        } else {
            network.loop.stop()
        }
        for line in ["a\n", "b\n", "c\n"] { #expect(client.exchange(line) == line) }
    }

    @Test("A reset behind a half-close is noticed")
    func halfOpen() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.allowsHalfOpen = true
        let listener = makeListener(network, options: options)
        var reasons: [UVEndReason] = []
        listener.onDisconnected = { reasons.append($1) }
        let client = try network.connect(to: listener)
        client.finish()
        network.run()
        client.reset()
        network.run(for: .seconds(5))
        #expect(reasons == [.peerReset])
    }

    @Test("What a peer sent before it finished is delivered, although a reset follows")
    func finishedAndReset() throws {
        let network = try UVTestNetwork()
        var lines: [String] = []
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: .lines) {
            lines.append(String(message: $1))
            $0.pauseReceiving()
        }
        let client = try network.connect(to: listener)
        client.send("a\n")
        network.run()
        client.send("b\n")
        client.finish()
        client.reset()
        network.run(for: .seconds(10))
        listener.clients.first?.resumeReceiving()
        network.run(for: .seconds(10))
        #expect(lines == ["a", "b"])
    }

    @Test("A network that ends leaves nothing behind, whatever its connectors do", arguments: 0..<3)
    func leaks(kind: Int) throws {
        final class Token {}
        weak var token: Token?
        weak var loop: UVLoop?
        do {
            let network = try UVTestNetwork()
            let kept = Token()
            (token, loop) = (kept, network.loop)
            if kind == 1 { try network.listen(at: "127.0.0.1:2").isSilent = true }
            let connector = UVConnector(
                on: network.loop, to: "127.0.0.1:2", reconnect: kind == 2 ? UVReconnect() : nil
            ) { _, _ in _ = kept }
            try connector.startConnect()
            if kind > 0 { network.run() }
        }
        #expect(token == nil)
        #expect(loop == nil)
    }

    @Test(
        "Whatever an endpoint is called, its listener is found",
        arguments: [
            ("localhost:0", nil), ("[0:0::1]:80", "[::1]:80"), ("game.example:7000", nil),
            ("[::]:81", "127.0.0.1:81"), ("[::]:81", "[::1]:81"), ("0.0.0.0:82", "localhost:82"),
            ("[::]:83", "game.example:83"), ("127.0.0.1:84", "[::ffff:127.0.0.1]:84"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
        ] as [(String, String?)])
    func spellings(endpoint: String, other: String?) throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network, at: try UVEndpoint(endpoint))
        #expect(try network.connect(to: listener).exchange("a\n") == "a\n")
        if let other {
            #expect(try network.connect(to: UVEndpoint(other)).exchange("b\n") == "b\n")
        }
    }

    @Test("A Unix-domain socket is found by its path, whatever its mode")
    func mode() throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network, at: .unix("/run/x.sock", mode: 0o660))
        try listener.startAccept()
        #expect(try network.connect(to: "unix:/run/x.sock").exchange("a\n") == "a\n")
    }

    @Test("Addresses of one family do not take the other's")
    func families() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.isIPv6Only = true
        let six = makeListener(network, at: "[::]:80", options: options)
        try six.startAccept()
        #expect(throws: UVError.self) { try network.connect(to: "127.0.0.1:80") }
        let four = makeListener(network, at: "0.0.0.0:80")
        try four.startAccept()
        _ = try network.connect(to: "127.0.0.1:80")
        _ = try network.connect(to: "[::1]:80")
        #expect(four.clients.map(\.peer.host) == ["127.0.0.1"])
        #expect(six.clients.map(\.peer.host) == ["::1"])
        #expect(throws: UVError.self) { try network.connect(to: "[::1]:80", from: "10.0.0.1:0") }
        #expect(throws: UVError.self) {
            try makeListener(network, at: "127.0.0.1:80").startAccept()
        }
    }

    @Test("A client of several Unix-domain sockets knows at which it came in")
    func severalUnixSockets() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.additionalEndpoints = ["unix:@b"]
        let listener = makeListener(network, at: "unix:@a", options: options)
        try listener.startAccept()
        _ = try network.connect(to: "unix:@b")
        _ = try network.connect(to: "unix:@a")
        #expect(listener.clients.map(\.localEndpoint) == ["unix:@b", "unix:@a"])
    }

    @Test("A Unix-domain socket has no reset: the peer sees an end")
    func unixReset() throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network, at: "unix:@a")
        var reasons: [UVEndReason] = []
        listener.onDisconnected = { reasons.append($1) }
        let client = try network.connect(to: listener)
        client.reset()
        network.run()
        #expect(reasons == [.peerClosed])
        let other = try network.connect(to: listener)
        listener.clients.first?.reset()
        network.run()
        #expect(other.end == .finished)
    }

    @Test("A callback may connect")
    func connectInCallback() throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network)
        var second: UVTestPeer?
        listener.onConnected = { [unowned network, unowned listener] _ in
            if second == nil { second = try? network.connect(to: listener) }
        }
        let first = try network.connect(to: listener)
        #expect(first.exchange("a\n") == "a\n")
        #expect(second?.exchange("b\n") == "b\n")
    }

    @Test("What has ended with its network still tells how it was")
    func outlived() throws {
        var connection: UVConnection?
        do {
            let network = try UVTestNetwork()
            let listener = makeListener(network)
            let client = try network.connect(to: listener)
            client.send("a\n")
            network.run()
            connection = listener.clients.first
        }
        #expect(connection?.isOpen == false)
        #expect(connection?.messagesReceived == 1)
    }

    @Test("A long message may be cut into single bytes")
    func singleBytes() throws {
        let network = try UVTestNetwork()
        var lengths: [Int] = []
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: .lines) {
            lengths.append($1.count)
        }
        let client = try network.connect(to: listener)
        client.send(String(repeating: "x", count: 50_000) + "\n", inPiecesOf: 1)
        network.run()
        #expect(lengths == [50_000])
    }

    @Test("The time does not run over")
    func longTimes() throws {
        let network = try UVTestNetwork()
        for _ in 0..<3 { network.run(for: .seconds(Int64.max)) }
        #expect(network.run(until: { false }, within: .seconds(Int64.max)) == false)
    }

    @Test("A run of the loop lets deadlines pass while a connection is open")
    func loopRun() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.idleTimeout = .seconds(1)
        let listener = makeListener(network, options: options)
        let client = try network.connect(to: listener)
        network.loop.run()
        #expect(client.end == .finished)
        #expect(network.now >= .seconds(1))
    }
}
