import Foundation
import Testing

/// What a broadcast does with a receiver that does not read, while a sender goes on.
@Suite("echo-server's slow receivers", .ownThreads, .timeLimit(.minutes(3)))
struct EchoServerSlowTests {
    /// Together more than any kernel takes for a reader that does not read.
    private static let count = 128
    private static let length = 64 << 10

    /// A line that tells its number, without its end.
    private static func line(_ number: Int) -> String {
        let start = "\(number):"
        return start + String(repeating: "x", count: length - start.count)
    }

    private static let all = Array((1...count).map { line($0) + "\n" }.joined().utf8)

    /// The number of a line, once it is known to be whole.
    private func number(of line: String) throws -> Int {
        let number = try #require(line.split(separator: ":").first.flatMap { Int($0) })
        let isWhole = line == Self.line(number)
        #expect(isWhole)
        return number
    }

    private func withSlowReader(
        _ policy: String, isQuiet: Bool = true,
        _ body: (Server, _ reader: Channel, _ sender: Channel) throws -> Void
    ) throws {
        let options = ["--mode", "broadcast", "--framing", "lines", "--slow", policy]
        let output = isQuiet ? ["--console", "--quiet"] : ["--console"]
        try withEchoServer(output + options) { server in
            let reader = try server.connect(receiveBuffer: 64 << 10)
            try server.waitForClients(1)
            let sender = try server.connect()
            try server.waitForClients(2)
            try body(server, reader, sender)
        }
    }

    private func waitForMessages(_ count: Int, _ server: Server) throws {
        try ProgramTests.wait(for: "\(count) lines") {
            try server.stats()["messages in"] == count
        }
    }

    private func waitUntilAllCame(_ server: Server) throws -> Statistics {
        try waitForMessages(Self.count, server)
        let stats = try server.stats()
        // The high watermark, and the messages on either side of it.
        #expect(stats["bytes queued"] <= 4 * Self.length)
        #expect(stats["clients"] == 2)
        return stats
    }

    @Test("skip: it misses messages, gets whole ones only, and later ones again")
    func skip() throws {
        try withSlowReader("skip") { server, reader, sender in
            try sender.write(Self.all)
            let skipped = try waitUntilAllCame(server)["skipped for slow clients"]
            #expect(skipped > 0)
            let numbers = try (1...Self.count - skipped).map { _ in
                try number(of: reader.line())
            }
            #expect(numbers == numbers.sorted())
            try ProgramTests.wait(for: "an empty queue") { try server.stats()["bytes queued"] == 0 }
            try sender.write("end\n")
            #expect(try reader.line() == "end")
        }
    }

    @Test("keep-latest: of what waits it gets the last, of each sender")
    func keepLatest() throws {
        try withSlowReader("keep-latest") { server, reader, sender in
            let first = Self.all.prefix(Self.count * 3 / 4 * (Self.length + 1))
            try sender.write(Array(first))
            try waitForMessages(Self.count * 3 / 4, server)
            #expect(try server.stats()["replaced by later messages"] > 0)
            // What comes later from the first sender does not take the place of this.
            let other = try server.connect()
            try other.write("once\n")
            try waitForMessages(Self.count * 3 / 4 + 1, server)
            try sender.write(Array(Self.all[first.count...]))
            try waitForMessages(Self.count + 1, server)
            var numbers: [Int] = []
            var others = 0
            while numbers.last != Self.count || others == 0 {
                let line = try reader.line()
                if line == "once" { others += 1 } else { numbers.append(try number(of: line)) }
            }
            #expect(others == 1)
            #expect(numbers == numbers.sorted())
            #expect(numbers.count < Self.count)
        }
    }

    @Test("wait: the sender is held back, and nobody misses anything")
    func wait() throws {
        try withSlowReader("wait") { server, reader, sender in
            var written = try writeUntilHeld(server, sender)
            #expect(try server.stats()["bytes queued"] <= 4 * Self.length)
            var received: [UInt8] = []
            while received.count < Self.all.count {
                if written < Self.all.count {
                    written += try sender.write(Self.all[written...])
                }
                received += try reader.some(atMost: 256 << 10)
            }
            let isSame = received == Self.all
            #expect(isSame)
        }
    }

    @Test("wait: what waits when the server is told to stop is sent, too")
    func waitAndStop() throws {
        try withSlowReader("wait", isQuiet: false) { server, reader, sender in
            _ = try writeUntilHeld(server, sender)
            let stats = try server.stats()
            server.program.send(SIGTERM)
            sender.close()
            let received = try reader.rest()
            reader.close()
            #expect(try server.program.ending() == .code(0))
            // The kernel can take more at any time, and then the sender is heard again: what was
            // heard since the statistics was printed behind them.
            let rest = String(decoding: try server.output.rest(), as: UTF8.self)
            let since = stats.between + rest.split(separator: "\n").map(String.init)
            let heard = stats["messages in"] + since.count { $0.contains(":x") }
            let (lines, cut) = received.count.quotientAndRemainder(dividingBy: Self.length + 1)
            #expect(lines == heard)
            #expect(cut == 0)
            let isSame = received == Array(Self.all.prefix(received.count))
            #expect(isSame)
        }
    }

    /// Writes until a line has to wait for the reader and no more is taken, so that there is a next
    /// one whenever that line can go; tells how many bytes were taken.
    private func writeUntilHeld(_ server: Server, _ sender: Channel) throws -> Int {
        var written = 0
        try ProgramTests.wait(for: "a message that waits") {
            let count = written < Self.all.count ? try sender.write(Self.all[written...]) : 0
            written += count
            return try count == 0 && server.stats()["waited for slow clients"] > 0
        }
        return written
    }
}
