import Testing
import UVSockets
import UVSocketsTesting

@Suite("UVTestNetwork", .onPool, .timeLimit(.minutes(1)))
struct TestNetworkTests {
    @Test("A handler is tested in three lines")
    func threeLines() throws {
        let network = try UVTestNetwork()
        let client = try network.connect(framing: .lines) { $0.send($1) }
        #expect(client.exchange("hello\n") == "hello\n")
    }

    @Test("A handler of tasks is tested likewise")
    func task() throws {
        let network = try UVTestNetwork()
        let server = network.serve(framing: .lines) { client in
            for try await line in client.messages { try await client.send(line) }
        }
        let client = try network.connect(to: server)
        #expect(client.exchange("hello\n") == "hello\n")
        #expect(client.exchange("a\nb\n") == "a\nb\n")
        client.finish()
        network.run()
        #expect(client.end == .finished)
        server.cancel()
        network.run(for: .seconds(5))
        #expect(throws: Never.self) { try server.result?.get() }
        #expect(server.result != nil)
    }

    @Test("Two minutes pass at once")
    func idle() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.idleTimeout = .seconds(120)
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", options: options) {
            $0.send($1)
        }
        var reasons: [UVEndReason] = []
        listener.onDisconnected = { reasons.append($1) }
        let client = try network.connect(to: listener)
        network.run(for: .seconds(119))
        #expect(client.end == .open)
        network.run(for: .seconds(1.1))
        #expect(client.end == .finished)
        client.close()
        network.run()
        #expect(reasons == [.idle])
        #expect(network.now < .seconds(121))
    }

    @Test("However the bytes are cut, the messages are the same", arguments: 1...7)
    func pieces(size: Int) throws {
        let network = try UVTestNetwork()
        var lines: [String] = []
        let client = try network.connect(framing: .lines) { lines.append(String(message: $1)) }
        client.send("one\ntwo\nthree\n", inPiecesOf: size)
        network.run()
        #expect(lines == ["one", "two", "three"])
    }

    @Test("A read brings one piece")
    func onePiece() throws {
        let network = try UVTestNetwork()
        var reads: [Int] = []
        let client = try network.connect(framing: .raw) { reads.append($1.count) }
        client.send("abcdefgh", inPiecesOf: 3)
        client.send("ij")
        network.run()
        #expect(reads == [3, 3, 2, 2])
    }

    @Test("What is cut into pieces arrives, also where there was no room for all of them")
    func piecesWithoutRoom() throws {
        let network = try UVTestNetwork()
        var received = 0
        let client = try network.connect(framing: .raw) { received += $1.count }
        client.send([UInt8](repeating: 1, count: 200_000), inPiecesOf: 1000)
        network.run()
        #expect(received == 200_000)
    }

    @Test("A peer that closes has sent what it was told to send before")
    func closesBehindAll() throws {
        let network = try UVTestNetwork()
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0") { _, _ in }
        var ends: [(UVEndReason, UInt64)] = []
        listener.onDisconnected = { ends.append(($1, $0.bytesReceived)) }
        let client = try network.connect(to: listener)
        client.send([UInt8](repeating: 1, count: 1_000_000))
        client.close()
        network.run()
        #expect(ends.map(\.0) == [.peerClosed])
        #expect(ends.map(\.1) == [1_000_000])
    }

    @Test("A peer that does not read by itself reads as much as it is told")
    func readsSlowly() throws {
        let network = try UVTestNetwork()
        let client = try network.connect(framing: .lines) { client, _ in client.send("0123456789") }
        client.isReading = false
        client.send("go\n")
        network.run()
        #expect(client.received.isEmpty)
        client.read(4)
        #expect(client.receivedText == "0123")
        client.read(100)
        network.run()
        #expect(client.takeText() == "0123456789\n")
    }

    @Test("A peer that does not read stalls the connection, as a real one does")
    func stall() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = .seconds(30)
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", options: options) {
            client, _ in
            client.send([UInt8](repeating: 7, count: 1 << 20))
        }
        var reasons: [UVEndReason] = []
        listener.onDisconnected = { reasons.append($1) }
        let client = try network.connect(to: listener)
        client.isReading = false
        client.send("go")
        network.run(for: .seconds(29))
        #expect(reasons == [])
        let connection = try #require(listener.clients.first)
        #expect(connection.bytesSent == 128 * 1024)
        network.run(for: .seconds(2))
        #expect(reasons == [.stalled])
        #expect(client.end == .reset)
    }

    @Test("Whatever the kernel takes of a write, all arrives in order", arguments: [1, 7, 1000])
    func partialWrites(longest: Int) throws {
        let network = try UVTestNetwork()
        let sent = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
        let client = try network.connect(framing: .raw) { client, _ in client.send(sent) }
        client.longestWrite = longest
        client.receiveBuffer = 3
        client.sendBuffer = 5
        client.send("go")
        network.run()
        #expect(client.take() == sent)
    }

    @Test("A reset and a finish are told as what they are")
    func ends() throws {
        let network = try UVTestNetwork()
        let listener = UVListener(on: network.loop, at: "[::]:8081") { $0.send($1) }
        var reasons: [UVEndReason] = []
        listener.onDisconnected = { reasons.append($1) }
        let first = try network.connect(to: listener)
        first.reset()
        network.run()
        #expect(reasons == [.peerReset])
        let second = try network.connect(to: "localhost:8081")
        second.finish()
        network.run()
        #expect(second.end == .finished)
        #expect(reasons == [.peerReset, .peerClosed])
    }

    @Test("A peer that has vanished is found by what it does not acknowledge")
    func vanished() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.connection.keepAlive = UVKeepAlive(
            idle: .seconds(20), interval: .seconds(5), count: 2)
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", options: options) {
            $0.send($1)
        }
        var reasons: [UVEndReason] = []
        listener.onDisconnected = { reasons.append($1) }
        let client = try network.connect(to: listener)
        client.vanish()
        listener.clients.first?.send("are you there?")
        network.run(for: .seconds(20))
        #expect(reasons == [])
        network.run(for: .seconds(20))
        #expect(reasons == [.peerVanished])
    }

    @Test("Admission sees where a client comes from")
    func admission() throws {
        let network = try UVTestNetwork()
        var options = UVListenerOptions()
        options.admission.deny = ["10.0.0.0/8"]
        let listener = UVListener(on: network.loop, at: "0.0.0.0:80", options: options) {
            $0.send($1)
        }
        let denied = try network.connect(to: listener, from: "10.1.2.3:0")
        let admitted = try network.connect(to: listener, from: "11.1.2.3:0")
        #expect(denied.end == .finished)
        #expect(admitted.end == .open)
        #expect(listener.clients.first?.peer.host == "11.1.2.3")
    }

    @Test("A connector connects, reconnects and is refused, by a virtual clock")
    func connector() throws {
        let network = try UVTestNetwork(seed: 7)
        let server = try network.listen(at: "game.example:7000")
        var received: [String] = []
        let connector = UVConnector(
            on: network.loop, to: "game.example:7000", framing: .lines,
            reconnect: UVReconnect(maximumDelay: .seconds(10))
        ) { received.append(String(message: $1)) }
        var waits = 0
        connector.onReconnecting = { _, _, _ in waits += 1 }
        try connector.startConnect()
        network.run()
        server.peers[0].send("hello\n")
        network.run()
        #expect(received == ["hello"])
        server.peers[0].reset()
        server.close()
        network.run(for: .seconds(60))
        #expect(waits > 3)
        let again = try network.listen(at: "game.example:7000")
        network.run(for: .seconds(10))
        #expect(again.peers.count == 1)
        connector.connection?.send("back")
        network.run()
        #expect(again.peers[0].receivedText == "back\n")
    }

    @Test("A server that does not answer is given up when the connector's time is over")
    func silentServer() throws {
        let network = try UVTestNetwork()
        try network.listen(at: "10.9.9.9:1").isSilent = true
        let connector = UVConnector(
            on: network.loop, to: "10.9.9.9:1", timeout: .seconds(90)
        ) { _, _ in }
        var errors: [UVError] = []
        connector.onFailed = { errors.append($1) }
        try connector.startConnect()
        network.run(for: .seconds(89))
        #expect(errors.isEmpty)
        network.run(for: .seconds(2))
        #expect(errors.map(\.code) == [.timedOut])
    }

    @Test("A connector and a listener of one network talk to each other")
    func bothSides() throws {
        let network = try UVTestNetwork()
        let loop = network.loop
        let server = network.serve(at: "unix:@rooms", framing: .lines) { client in
            for try await line in client.messages { try await client.send(line + line) }
        }
        #expect(server.result == nil)
        let answer = try network.run {
            try await UVConnector.connect(to: "unix:@rooms", framing: .lines, on: loop) { server in
                try await server.send("ab")
                return try await server.nextMessage()
            }
        }
        #expect(answer == Array("abab".utf8))
    }

    @Test("A drain lets the clients get the rest, and cuts off who does not take it")
    func drain() throws {
        let network = try UVTestNetwork()
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0") { client, _ in
            client.send([UInt8](repeating: 1, count: 300_000))
        }
        let good = try network.connect(to: listener)
        let bad = try network.connect(to: listener)
        bad.isReading = false
        good.isReading = false
        good.send("go")
        bad.send("go")
        network.run()
        var report: UVDrainReport?
        listener.stop(drainFor: .seconds(5)) { report = $0 }
        good.isReading = true
        network.run()
        #expect(good.received.count == 300_000)
        good.close()
        network.run(for: .seconds(6))
        #expect(report?.drained == 1)
        #expect(report?.cutOff == 1)
        #expect(report?.bytesLost == 300_000 - 64 * 1024)
    }

    @Test("The end of a network ends what is on it, and its tasks")
    func end() async throws {
        var task: UVTestTask<Void>?
        do {
            let network = try UVTestNetwork()
            task = network.serve(framing: .lines) { client in
                for try await line in client.messages { try await client.send(line) }
            }
            let client = try network.connect(to: #require(task))
            #expect(client.exchange("hello\n") == "hello\n")
            try network.loop.every(.seconds(1)) {}
        }
        let result = await task?.end()
        #expect(throws: Never.self) { try result?.get() }
    }

    @Test("Timers of the loop go by the same clock")
    func timers() throws {
        let network = try UVTestNetwork()
        var times: [Duration] = []
        try network.loop.every(.seconds(60)) { [unowned network] in times.append(network.now) }
        network.run(for: .seconds(181))
        #expect(times == [.seconds(60), .seconds(120), .seconds(180)])
    }

    @Test("What is awaited on another thread comes back")
    func otherThread() throws {
        let network = try UVTestNetwork()
        let value = try network.run {
            await Task.detached { 42 }.value
        }
        #expect(value == 42)
    }

    @Test("A task that does not end is cancelled when its time is over")
    func endless() throws {
        let network = try UVTestNetwork()
        try network.loop.every(.seconds(1)) {}
        #expect(throws: UVError.self) {
            try network.run(within: .seconds(30)) {
                try await waitForCancellation()
            }
        }
        #expect(network.now <= .seconds(30))
    }
}
