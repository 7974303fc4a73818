import Testing
import UVSockets
import UVSocketsTesting

@Suite("WireLayer and Tap", .onPool, .timeLimit(.minutes(1)))
struct WireLayerTests {
    /// Changes nothing.
    private final class NoOp: WireLayer {
        func begin(_ port: LayerPort) { port.open() }
        func receive(_ bytes: Span<UInt8>, _ port: LayerPort) { port.deliver(bytes) }
        func send(_ bytes: Span<UInt8>, _ port: LayerPort) { port.write(bytes) }
        func finish(_ port: LayerPort) {}
    }

    /// Turns each byte over, greets first, and says goodbye.
    private final class Mask: WireLayer {
        private var greeting: [UInt8] = []
        private var isOpen = false

        func begin(_ port: LayerPort) {}

        func receive(_ bytes: Span<UInt8>, _ port: LayerPort) {
            for index in bytes.indices {
                if isOpen {
                    port.deliver([~bytes[index]].span)
                } else {
                    greeting.append(bytes[index])
                    greet(port)
                }
            }
        }

        private func greet(_ port: LayerPort) {
            guard greeting.last == UInt8(ascii: "\n") else { return }
            guard greeting == Array("mask\n".utf8) else {
                return port.fail(UVError(call: "greet", code: .invalidArgument))
            }
            port.write("ok\n".utf8.span)
            isOpen = true
            port.open()
        }

        func send(_ bytes: Span<UInt8>, _ port: LayerPort) {
            var masked: [UInt8] = []
            for index in bytes.indices { masked.append(~bytes[index]) }
            port.write(masked.span)
        }

        func finish(_ port: LayerPort) {
            port.write("bye".utf8.span)
        }
    }

    private func masked(_ text: String) -> [UInt8] { text.utf8.map { ~$0 } }

    private func makeListener(
        _ network: UVTestNetwork, framing: UVFraming = .lines,
        _ layer: @escaping () -> any WireLayer,
        onMessage: @escaping (UVConnection, Span<UInt8>) -> Void = { $0.send($1) }
    ) -> UVListener {
        let listener = UVListener(
            on: network.loop, at: "127.0.0.1:0", framing: framing, onMessageReceived: onMessage)
        listener.makeLayer = layer
        return listener
    }

    @Test("One that changes nothing is not noticed", arguments: [1, 2, 5, .max])
    func noOp(piece: Int) throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network) { NoOp() }
        var connected = 0
        var reasons: [UVEndReason] = []
        listener.onConnected = { _ in connected += 1 }
        listener.onDisconnected = { reasons.append($1) }
        let client = try network.connect(to: listener)
        #expect(connected == 1)
        client.send("one\ntwo\nthree", inPiecesOf: piece)
        network.run()
        #expect(client.takeText() == "one\ntwo\n")
        listener.broadcast("news")
        network.run()
        #expect(client.takeText() == "news\n")
        client.send("\n")
        client.finish()
        network.run()
        #expect(client.takeText() == "three\n")
        #expect(client.end == .finished)
        #expect(reasons == [.peerClosed])
    }

    @Test("All that is received and sent goes through it", arguments: [1, 3, .max])
    func mask(piece: Int) throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network) { Mask() }
        let client = try network.connect(to: listener)
        client.send(Array("mask\n".utf8) + masked("one\ntwo\n"), inPiecesOf: piece)
        network.run()
        #expect(client.take() == Array("ok\n".utf8) + masked("one\ntwo\n"))
        listener.broadcast("news")
        listener.clients.first?.close()
        network.run()
        #expect(client.take() == masked("news\n") + Array("bye".utf8))
        #expect(client.end == .finished)
    }

    @Test("A connection is told when it has opened, and not before")
    func opening() throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network) { Mask() }
        var connected = 0
        listener.onConnected = {
            connected += 1
            $0.send("welcome")
        }
        let client = try network.connect(to: listener)
        client.send("ma")
        network.run()
        #expect(connected == 0)
        #expect(listener.broadcast("early").skipped == 0)
        client.send("sk\n")
        network.run()
        #expect(connected == 1)
        #expect(client.take() == Array("ok\n".utf8) + masked("welcome\n"))
    }

    /// Delivers what comes at once, and opens later.
    private final class Late: WireLayer {
        var port: LayerPort?

        func begin(_ port: LayerPort) { self.port = port }
        func receive(_ bytes: Span<UInt8>, _ port: LayerPort) { port.deliver(bytes) }
        func send(_ bytes: Span<UInt8>, _ port: LayerPort) { port.write(bytes) }
        func finish(_ port: LayerPort) {}
    }

    @Test("What a layer delivers before it opens waits, and nothing behind it is held up")
    func late() throws {
        let network = try UVTestNetwork()
        let layer = Late()
        let listener = makeListener(network) { layer }
        let client = try network.connect(to: listener)
        client.send("one\n")
        network.run()
        client.send("two\n")
        network.run()
        #expect(client.received == [])
        try network.loop.after(.milliseconds(1)) { layer.port?.open() }
        network.run(for: .milliseconds(1))
        #expect(client.takeText() == "one\ntwo\n")
        #expect(client.exchange("three\n") == "three\n")
        layer.port = nil
    }

    @Test("One that fails ends the connection, which was never told")
    func failure() throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network) { Mask() }
        var told = 0
        listener.onConnected = { _ in told += 1 }
        listener.onDisconnected = { _, _ in told += 1 }
        let client = try network.connect(to: listener)
        client.send("hello\n")
        network.run()
        #expect(client.end == .finished)
        client.close()
        network.run()
        #expect(told == 0)
        #expect(listener.clients.isEmpty)
    }

    @Test("Tasks have it as well, whether they own or borrow", arguments: [false, true])
    func tasks(isBorrowing: Bool) throws {
        let network = try UVTestNetwork()
        let loop = network.loop
        let task = network.start {
            try await UVListener.serve(
                at: "127.0.0.1:7", framing: .lines, on: loop,
                setUp: { $0.makeLayer = { Mask() } },
                handler: { client in
                    if isBorrowing {
                        try await client.forEachMessage { client.send($0) }
                    } else {
                        for try await line in client.messages { try await client.send(line) }
                    }
                })
        }
        network.run()
        let client = try network.connect(to: "127.0.0.1:7")
        client.send(Array("mask\n".utf8) + masked("one\ntwo\nthr"), inPiecesOf: 4)
        network.run()
        #expect(client.take() == Array("ok\n".utf8) + masked("one\ntwo\n"))
        client.send(masked("ee\n"))
        client.finish()
        network.run()
        #expect(client.take() == masked("three\n") + Array("bye".utf8))
        #expect(client.end == .finished)
        task.cancel()
        network.run(for: .seconds(10))
        #expect(task.result != nil)
    }

    @Test("A connector has it as well")
    func connector() throws {
        let network = try UVTestNetwork()
        let server = try network.listen(at: "10.0.0.1:1")
        var received: [String] = []
        let connector = UVConnector(on: network.loop, to: "10.0.0.1:1", framing: .lines) {
            received.append(String(message: $1))
        }
        connector.makeLayer = { Mask() }
        try connector.startConnect()
        connector.send("kept")
        network.run()
        #expect(server.peers[0].take() == [])
        server.peers[0].send(Array("mask\n".utf8) + masked("hello\n"))
        network.run()
        #expect(server.peers[0].take() == Array("ok\n".utf8) + masked("kept\n"))
        #expect(received == ["hello"])
    }

    @Test("A paused connection keeps what its layer has given, and delivers it when it goes on")
    func pausing() throws {
        let network = try UVTestNetwork()
        var lines: [String] = []
        let listener = makeListener(network, { Mask() }) { client, line in
            lines.append(String(message: line))
            client.pauseReceiving()
        }
        let client = try network.connect(to: listener)
        client.send(Array("mask\n".utf8) + masked("one\ntwo\nthree\n"))
        network.run()
        #expect(lines == ["one"])
        for count in 2...3 {
            listener.clients.first?.resumeReceiving()
            network.run()
            #expect(lines.count == count)
        }
        #expect(lines == ["one", "two", "three"])
    }

    /// Writes down what it sees.
    private final class Recorder: Tap {
        var received: [UInt8] = []
        var sent: [UInt8] = []

        func received(_ bytes: Span<UInt8>, by connection: UVConnection) {
            for index in bytes.indices { received.append(bytes[index]) }
        }

        func sent(_ bytes: Span<UInt8>, by connection: UVConnection) {
            for index in bytes.indices { sent.append(bytes[index]) }
        }
    }

    @Test("A tap sees each byte of the wire once, however it is sent", arguments: [false, true])
    func tap(isMasked: Bool) throws {
        let network = try UVTestNetwork()
        let listener = makeListener(network, isMasked ? { Mask() } : { NoOp() })
        let recorder = Recorder()
        let client = try network.connect(to: listener)
        let connection = try #require(listener.clients.first)
        #expect(connection.watch(by: recorder))
        let coded = { (text: String) in isMasked ? masked(text) : Array(text.utf8) }
        let incoming = (isMasked ? Array("mask\n".utf8) : []) + coded("one\ntwo\n")
        client.send(incoming, inPiecesOf: 3)
        network.run()
        listener.broadcast("news")
        connection.send([UInt8](repeating: 65, count: 100_000))
        network.run()
        #expect(recorder.received == incoming)
        #expect(recorder.sent == client.take())
        connection.endWatch(by: recorder)
        client.send(coded("three\n"))
        network.run()
        #expect(recorder.received == incoming)
        #expect(client.take() == coded("three\n"))
    }

    @Test("A tap on a connection without a layer sees what is echoed")
    func plainTap() throws {
        let network = try UVTestNetwork()
        let recorder = Recorder()
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: .lines) {
            $0.send($1)
        }
        listener.onConnected = { #expect($0.watch(by: recorder)) }
        let client = try network.connect(to: listener)
        client.send("one\ntw", inPiecesOf: 4)
        client.send("o\n")
        network.run()
        #expect(recorder.received == Array("one\ntwo\n".utf8))
        #expect(recorder.sent == Array("one\ntwo\n".utf8))
        #expect(client.take() == recorder.sent)
    }

    @Test("A tap changes nothing of what is sent: later messages still replace earlier ones")
    func tapOfReplaced() throws {
        let network = try UVTestNetwork()
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0") { $0.send($1) }
        let client = try network.connect(to: listener)
        client.isReading = false
        (client.receiveBuffer, client.sendBuffer) = (100, 100)
        let connection = try #require(listener.clients.first)
        let recorder = Recorder()
        #expect(connection.watch(by: recorder))
        var replaced = 0
        for number in 0..<20 {
            let message = [UInt8](repeating: UInt8(number), count: 1000)
            replaced += listener.broadcast(message, whenSlow: .keepLatest(key: "a")).replaced
            network.run()
        }
        #expect(replaced == 18)
        #expect(connection.bytesQueued == 1800)
        client.isReading = true
        network.run()
        // One that the kernel has taken as a whole, and one that it offers to the kernel at once.
        listener.broadcast([UInt8](repeating: 99, count: 20_000))
        connection.send([UInt8](repeating: 100, count: 20_000))
        network.run()
        #expect(recorder.sent == client.take())
        #expect(recorder.sent.count == 42_000)
    }
}
