import Foundation
import Logging
import Testing
import UVSockets
import UVSocketsTesting

@testable import UVSocketsCapture

@Suite("A dump", .onPool, .timeLimit(.minutes(1)))
struct DumpTests {
    @Test("It shows direction, offset, bytes, text and the ends of messages")
    func text() async throws {
        try await withFolder { folder in
            let server = try MemoryServer(framing: .lines) { $0.send($1) }
            let peer = try server.connect(from: "10.0.0.1:1000")
            #expect(peer.exchange("hi\n") == "hi\n")
            peer.send("par")
            server.network.run()
            let path = "\(folder)/dump.txt"
            let tap = try await UVTap.dump(server.listener.remote, .client(1), to: .file(path))
            #expect(peer.exchange("t\none\u{1b}\\ two three four\nrest...") != "")
            peer.close()
            server.network.run()
            let report = await tap.ended()
            #expect(report.end == .sourceEnded)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(UInt64(text.utf8.count) == report.bytes)
            let lines = text.split(separator: "\n").map(String.init)
            let bodies = lines.map { $0.hasPrefix("00:") ? String($0.dropFirst(16)) : $0 }
            let row = { (digits: String, text: String) in
                "  " + digits.padding(toLength: 59, withPad: " ", startingAt: 0) + text
            }
            let name = "client 1, 10.0.0.1:1000: "
            let wanted = [
                name + "the tap began in the middle, after 6 bytes received and 3 sent",
                name + "received 30 bytes at 6",
                row("00000006  74 0a", "t\\n"),
                "            == end of message 1",
                row(
                    "00000008  6f 6e 65 1b 5c 20 74 77 6f 20 74 68 72 65 65 20",
                    "one\\x1b\\\\ two three "),
                row("00000018  66 6f 75 72 0a", "four\\n"),
                "            == end of message 2",
                row("0000001d  72 65 73 74 2e 2e 2e", "rest..."),
                name + "sent 26 bytes at 3",
                row("00000003  70 61 72 74 0a", "part\\n"),
                "            == end of message 1",
                row(
                    "00000008  6f 6e 65 1b 5c 20 74 77 6f 20 74 68 72 65 65 20",
                    "one\\x1b\\\\ two three "),
                row("00000018  66 6f 75 72 0a", "four\\n"),
                "            == end of message 2",
            ]
            for (number, line) in wanted.enumerated() { #expect(bodies[number] == line) }
            #expect(bodies.contains(name + "the peer has finished sending"))
        }
    }

    @Test("It goes to a closure or to the log, and ends at its limit")
    func outputs() async throws {
        let messages = Journal<String>()
        let network = try UVTestNetwork(logger: journal(messages, level: .info))
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0") { $0.send($1) }
        let peer = try network.connect(to: listener)
        let client = try #require(listener.client(1))
        let lines = Journal<String>()
        let taps = [
            try UVTap.dump(client, to: .log),
            try UVTap.dump(client, to: .lines { lines.append($0) }, limits: .init(bytes: 500)),
        ]
        for _ in 0..<5 { #expect(peer.exchange("hello") == "hello") }
        let report = await taps[1].ended()
        #expect(report.end == .bytesLimit)
        #expect(report.bytes <= 500)
        #expect(lines.entries.contains { $0.hasSuffix(": received 5 bytes at 0") })
        #expect(lines.entries.reduce(0) { $0 + $1.utf8.count + 1 } == Int(report.bytes))
        await taps[0].stop()
        #expect(messages.entries.filter { $0.hasSuffix("  hello") }.count == 10)
    }

    @Test("Bytes that are not kept are counted, and end the marks")
    func snap() async throws {
        let lines = Journal<String>()
        let server = try MemoryServer(framing: .lines) { _, _ in }
        let peer = try server.connect()
        let tap = try UVTap.dump(
            try server.client(1), to: .lines { lines.append($0) }, limits: .init(snapLength: 60))
        peer.send(String(repeating: "a", count: 30) + "\n")
        server.network.run()
        await tap.stop()
        #expect(lines.entries.contains("            11 more bytes are not shown"))
        #expect(!lines.entries.contains { $0.contains("end of message") })
    }
}
