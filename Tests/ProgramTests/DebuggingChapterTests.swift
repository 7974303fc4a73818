import Foundation
import Testing

/// The answers that the chapter on debugging shows are those that `echo-server` gives.
@Suite("The chapter on debugging", .ownThreads, .timeLimit(.minutes(2)))
struct DebuggingChapterTests {
    /// A command in an article, and the answer below it.
    struct Example: Equatable {
        let command: String
        let answer: [String]
    }

    private static let catalog = "\(Built.root)/Sources/UVSockets/UVSockets.docc"

    /// The examples below a heading of an article.
    private static func examples(_ article: String, _ heading: String) throws -> [Example] {
        let text = try String(contentsOfFile: "\(catalog)/\(article).md", encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let section = lines.drop { $0 != "## \(heading)" }.dropFirst()
            .prefix { !$0.hasPrefix("## ") }
        var examples: [Example] = []
        var command: String?
        var answer: [String] = []
        for line in section {
            if line.hasPrefix("    $ echo ") {
                command = line.dropFirst(11).components(separatedBy: " | ")[0]
            } else if line.hasPrefix("    "), command != nil {
                answer.append(String(line.dropFirst(4)))
            } else if let asked = command {
                examples.append(Example(command: asked, answer: answer))
                (command, answer) = (nil, [])
            }
        }
        return examples
    }

    /// A line without what differs from run to run: numbers, and how long something took.
    private static func shape(_ line: String) -> String {
        if line.hasPrefix("last events: ") { return "last events" }
        return line.replacing(/[0-9]+(\.[0-9]+)?/, with: "#").replacing(
            /# (ms|KiB|MiB|bytes)/, with: "# u"
        )
        .replacing("# s", with: "# u").replacing(/\s+/, with: " ")
    }

    /// Which events were last differs from run to run, and so does their number.
    private static func shapes(_ lines: [String]) -> [String] {
        lines.map(shape).reduce(into: []) { all, line in
            if line != "last events" || all.last != line { all.append(line) }
        }
    }

    /// Checks the examples of a section, in both languages, with a server in this state.
    private func check(
        _ heading: String, _ korean: String, at path: String,
        isOrdered: Bool = true, _ prepare: () throws -> Void
    ) throws {
        let examples = try Self.examples("Debugging", heading)
        #expect(!examples.isEmpty)
        #expect(try Self.examples("DebuggingKorean", korean) == examples)
        for example in examples {
            try prepare()
            let answer = Self.shapes(try ask(example.command, at: path))
            let expected = Self.shapes(example.answer)
            if isOrdered {
                #expect(answer == expected)
            } else {
                // The shares of a profile have no fixed order.
                let isFound = expected.allSatisfy(answer.contains)
                #expect(isFound, "\(answer)")
            }
        }
    }

    private func ask(_ command: String, at path: String) throws -> [String] {
        var lines: [String] = []
        try withEchoClient("unix:\(path)") { admin in
            try admin.input.write(command + "\n")
            while let line = try? admin.output.line(), !line.isEmpty { lines.append(line) }
        }
        return lines
    }

    private func withAdmin(
        _ arguments: [String] = [], _ body: (Server, _ path: String) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let path = folder + "/admin.sock"
            try withEchoServer(["--quiet", "--admin", "unix:\(path)"] + arguments) { server in
                #expect(try server.output.line() == "commands at unix:\(path)")
                try body(server, path)
            }
        }
    }

    @Test("One stuck client, and memory that grows")
    func stuck() throws {
        try withAdmin { server, path in
            let stuck = try server.connect(receiveBuffer: 4096)
            // Until neither side takes more.
            stuck.fill()
            let other = try server.connectAndEcho()
            try check("Memory grows", "메모리가 늘어난다", at: path) {}
            try check("One stuck client", "멈춘 클라이언트 하나", at: path) {}
            stuck.close()
            other.close()
        }
    }

    @Test("A client gets nothing")
    func partial() throws {
        try withAdmin(["--framing", "lines"]) { server, path in
            let client = try server.connect()
            try client.write("GET /")
            try check("A client gets nothing", "클라이언트가 답을 받지 못한다", at: path) {
                while try ask("stats", at: path).allSatisfy({ !$0.hasSuffix(" 5") }) {}
            }
            client.close()
        }
    }

    @Test("CPU is at 100 %")
    func busy() throws {
        try withAdmin { server, path in
            let (isOver, port) = (Flag(), server.port)
            let sender = Thread {
                defer { isOver.end() }
                guard let client = try? Channel(connectingTo: port) else { return }
                let message = [UInt8](repeating: 1, count: 64)
                while !isOver.isSet {
                    try? client.write(message)
                    _ = try? client.bytes(message.count)
                }
                client.close()
            }
            sender.start()
            try check("CPU is at 100 %", "CPU가 100 %다", at: path, isOrdered: false) {}
            isOver.set()
            isOver.awaitEnd()
        }
    }

    @Test("It does not stop")
    func stopping() throws {
        try withAdmin(["--drain-time", "60"]) { server, path in
            let client = try server.connectAndEcho()
            server.program.send(SIGTERM)
            _ = try client.rest()
            try check("It does not stop", "멈추지 않는다", at: path) {}
            client.close()
        }
    }

    @Test("Messages are cut")
    func cut() throws {
        try withAdmin(["--framing", "length4"]) { server, path in
            let client = try server.connect()
            try client.write([0, 0, 0, 2] + Array("hiGET / HTTP/1.0\r\n\r\n".utf8))
            _ = try client.rest()
            client.close()
            try server.waitForEnds(1, path, ask)
            try check("Messages are cut", "메시지가 끊긴다", at: path) {}
        }
    }
}

extension Channel {
    /// Sends until nobody has taken any more for a while, and reads nothing.
    fileprivate func fill() {
        let bytes = [UInt8](repeating: 1, count: 65_536)
        var refusals = 0
        while refusals < 20 {
            let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
            if unsafe send(descriptor, bytes, bytes.count, flags) > 0 {
                refusals = 0
            } else {
                refusals += 1
                // Nobody tells when the other side has stopped to read for good.
                Thread.sleep(forTimeInterval: 0.02)
            }
        }
    }
}

extension Server {
    fileprivate func waitForEnds(
        _ count: Int, _ path: String, _ ask: (String, String) throws -> [String]
    ) throws {
        let end = Date(timeIntervalSinceNow: 30)
        while Date() < end {
            if try ask("ended bad", path).first != "no such client has ended" { return }
        }
    }
}

/// Tells a thread to end, and waits until it has.
private final class Flag: @unchecked Sendable {
    private let condition = NSCondition()
    private var state = (isSet: false, hasEnded: false)

    var isSet: Bool { condition.withLock { state.isSet } }

    func set() {
        condition.withLock { state.isSet = true }
    }

    func end() {
        condition.withLock {
            state.hasEnded = true
            condition.broadcast()
        }
    }

    func awaitEnd() {
        condition.lock()
        defer { condition.unlock() }
        while !state.hasEnded { condition.wait() }
    }
}
