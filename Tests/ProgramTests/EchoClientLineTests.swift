import Foundation
import Testing

/// An input with a line that no message of the framing can carry.
struct BadLine: CustomTestStringConvertible, Sendable {
    let framing: String
    let good: String
    let bad: [UInt8]
    let reason: String

    init(_ framing: String, good: String, bad: Int, reason: String) {
        self.framing = framing
        self.good = good
        self.bad = [UInt8](repeating: UInt8(ascii: "x"), count: bad)
        self.reason = reason
    }

    var testDescription: String { "\(framing), \(bad.count) bytes" }
}

@Suite("echo-client's lines", .timeLimit(.minutes(3)), .ownThreads)
struct EchoClientLineTests {
    private static let longer = "is longer than 1048576 bytes, the most that a message can have"

    @Test(
        "A line that no message can carry is an error; what came before it is sent and answered",
        arguments: [
            BadLine("lines", good: "good", bad: (1 << 20) + 1, reason: longer),
            BadLine("lines", good: "good", bad: 3 << 20, reason: longer),
            BadLine("crlf", good: "good", bad: (1 << 20) + 1, reason: longer),
            BadLine("netstring", good: "good", bad: (1 << 20) + 1, reason: longer),
            BadLine("varint", good: "good", bad: (1 << 20) + 1, reason: longer),
            BadLine("length8", good: "good", bad: (1 << 20) + 1, reason: longer),
            BadLine(
                "length1", good: "good", bad: 256, reason: "is longer than 255 bytes, the most"),
            BadLine("length2", good: "good", bad: 65_536, reason: "is longer than 65535 bytes"),
            BadLine("fixed:4", good: "good", bad: 5, reason: "is longer than 4 bytes, the most"),
            BadLine("fixed:4", good: "good", bad: 3, reason: "cannot be sent as a frame: 3 bytes"),
        ])
    func badLine(line: BadLine) throws {
        try withEchoServer(["--framing", line.framing, "--console"]) { server in
            let good = Array("\(line.good)\n\(line.good)\n".utf8)
            let outcome = try withTemporaryFolder { folder in
                let path = "\(folder)/input"
                let input = Data(good + line.bad + Array("\n".utf8) + good)
                try input.write(to: URL(filePath: path))
                let options = ["--framing", line.framing]
                return try run(["echo-client", server.endpoint] + options, input: .file(path))
            }
            #expect(outcome.ending == .code(1))
            #expect(outcome.output == String(decoding: good, as: UTF8.self))
            #expect(outcome.errors.isOneLine)
            #expect(outcome.errors.hasPrefix("echo-client: a line of the input \(line.reason)"))
            #expect(try server.stats()["messages in"] == 2)
        }
    }

    @Test("However many empty lines there are, each is sent and comes back")
    func emptyLines() throws {
        // A sanitizer makes each message many times as slow.
        let input = String(repeating: "\n", count: isSanitized ? 5000 : 200_000)
        try withEchoServer(["--quiet"]) { server in
            try withTemporaryFolder { folder in
                let path = "\(folder)/input"
                try input.write(toFile: path, atomically: true, encoding: .utf8)
                let outcome = try run(
                    ["echo-client", server.endpoint, "--framing", "lines"], input: .file(path))
                #expect(outcome.ending == .code(0))
                #expect(outcome.errors == "")
                #expect(outcome.output.utf8.count == input.utf8.count)
            }
        }
    }

    @Test("The longest line that a message can carry is sent, whatever its end")
    func longestLine() throws {
        let text = String(repeating: "x", count: 1 << 20)
        try withEchoServer(["--framing", "lines", "--quiet"]) { server in
            try withEchoClient(server.endpoint, ["--framing", "lines"]) { client in
                for end in ["\n", "\r\n", ""] {
                    try client.input.write(text + end)
                    if end.isEmpty { client.input.close() }
                    let line = try client.output.line()
                    #expect(line == text)
                }
                #expect(try client.program.ending() == .code(0))
            }
        }
    }

    @Test("An input that never ends a line is given up as soon as the line is too long")
    func endlessLine() throws {
        try withEchoServer(["--framing", "lines", "--quiet"]) { server in
            let command = ["echo-client", server.endpoint, "--framing", "lines"]
            let outcome = try run(command, input: .file("/dev/zero"))
            #expect(outcome.ending == .code(1))
            #expect(outcome.errors.isOneLine)
            #expect(outcome.errors.contains(Self.longer))
        }
    }
}
