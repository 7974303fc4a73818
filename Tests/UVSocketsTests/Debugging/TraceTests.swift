import Testing
import UVSocketsTesting

@testable import UVSockets

@Suite("The trace", .onPool, .timeLimit(.minutes(1)))
struct TraceTests {
    /// Traces a server of lines while a client sends it two.
    private func traced(_ options: UVTraceOptions, messages: Int = 2) throws -> [String] {
        let network = try UVTestNetwork()
        let lines = Journal<String>()
        let trace = network.loop.trace(options) { lines.append($0) }
        let listener = UVListener(on: network.loop, at: "127.0.0.1:7", framing: .netstring) {
            $0.send($1)
        }
        let client = try network.connect(to: listener)
        for _ in 0..<messages { #expect(client.exchange("1:a,") == "1:a,") }
        client.send("x")
        network.run()
        client.close()
        network.run()
        trace.stop()
        trace.stop()
        #expect(trace.isOver)
        let other = try network.connect(to: listener)
        #expect(other.exchange("1:a,") == "1:a,")
        other.close()
        network.run()
        #expect(network.loop.recorder?.tracer == nil)
        return lines.entries
    }

    @Test("It tells each step of the cycles, and no more after it was stopped")
    func all() throws {
        let lines = try traced(UVTraceOptions())
        #expect(lines.contains("accept at 127.0.0.1:7: asked, nobody is there (pending = true)"))
        #expect(
            lines.contains { $0.hasPrefix("client 1 127.0.0.1:") && $0.contains(": connected") })
        #expect(lines.contains { $0.hasSuffix(": received 4 bytes, behind 4 others") })
        #expect(lines.contains { $0.hasSuffix(": sent 4 bytes") })
        #expect(lines.contains { $0.contains(": framing error at byte 8") })
        #expect(lines.contains { $0.hasSuffix(": ended: framing") })
        #expect(lines.last == "the trace was stopped")
        #expect(!lines.contains { $0.hasPrefix("client 2") })
    }

    @Test("It shows what is asked for: a source, a client, addresses")
    func filters() throws {
        let sent = try traced(UVTraceOptions([.send]))
        #expect(sent.count == 3)
        #expect(sent.dropLast().allSatisfy { $0.hasSuffix(": sent 4 bytes") })
        var options = UVTraceOptions()
        options.client = 2
        #expect(try traced(options) == ["the trace was stopped"])
        options.client = 1
        #expect(try traced(options).count > 5)
        options.addresses = UVAddressRange("10.0.0.0/8")
        #expect(try traced(options) == ["the trace was stopped"])
    }

    @Test("It ends by itself after its lines, or at a bad end, and says so")
    func ends() throws {
        var options = UVTraceOptions()
        options.lineLimit = 3
        let few = try traced(options)
        #expect(few.count == 4)
        #expect(few.last == "the trace has ended after 3 lines")
        options = UVTraceOptions()
        options.endsAtBadEnd = true
        #expect(
            try traced(options).last == "the trace has ended, because client 1 ended badly")
    }

    @Test("It shows so many lines a second, and says what it has dropped")
    func rate() throws {
        var options = UVTraceOptions([.send])
        options.linesPerSecond = 10
        let lines = try traced(options, messages: 50)
        #expect(lines.count == 11)
        #expect(lines.last == "the trace was stopped; 40 lines were dropped")
    }

    @Test("What the output does with connections of the loop is not traced")
    func reentrancy() throws {
        let network = try UVTestNetwork()
        let lines = Journal<String>()
        nonisolated(unsafe) var held: UVConnection?
        let listener = UVListener(on: network.loop, at: "127.0.0.1:7") { client, _ in
            unsafe held = client
            client.send("answer")
        }
        let client = try network.connect(to: listener)
        #expect(client.exchange("a") == "answer")
        let trace = network.loop.trace(UVTraceOptions([.receive, .send, .limits])) { line in
            lines.append(line)
            unsafe held?.pauseReceiving()
            unsafe held?.resumeReceiving()
        }
        #expect(client.exchange("a") == "answer")
        trace.stop()
        #expect(lines.entries.filter { $0.contains("held") }.isEmpty)
        client.close()
        network.run()
    }

    @Test("A wrong word in the environment is named, and the others hold")
    func environment() throws {
        let (options, wrong) = UVTraceOptions.read("accept,sned,receive,")
        #expect(options.sources == [.accept, .receive])
        #expect(wrong == "sned")
        #expect(UVTraceOptions.read("all").options.sources.count == 7)
        #expect(UVTraceOptions.read(String(repeating: "x", count: 999)).wrong?.count == 40)
    }

    @Test("A loop that records nothing says that it cannot be traced")
    func silent() throws {
        let loop = try UVLoop(recordedEvents: 0)
        let lines = Journal<String>()
        #expect(loop.trace { lines.append($0) }.isOver)
        #expect(lines.entries == ["this loop records no events, so it cannot be traced"])
        try loop.close()
    }
}
