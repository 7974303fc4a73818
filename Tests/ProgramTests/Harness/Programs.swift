import Foundation
import Testing

/// An echo server that has said where it listens.
struct Server {
    let program: Program
    /// HOST:PORT, as it said.
    let endpoint: String
    let output: Channel
    let input: Channel

    /// Its port.
    var port: UInt16 { endpoint.split(separator: ":").last.flatMap { UInt16($0) } ?? 0 }

    /// A plain client.
    func connect(receiveBuffer: Int32? = nil) throws -> Channel {
        try Channel(connectingTo: port, receiveBuffer: receiveBuffer)
    }

    /// A plain client that was sent its first words back, so that the server has it.
    func connectAndEcho(_ text: String = "hello\n") throws -> Channel {
        let client = try connect()
        try client.write(text)
        #expect(try client.text(like: text) == text)
        return client
    }

    /// Gives the operator's console a line.
    func command(_ line: String) throws {
        try input.write(line + "\n")
    }

    /// What the console tells of its statistics. It needs the console.
    func stats() throws -> Statistics {
        try command("stats")
        // No client has this id: the answer is the end.
        try command("kick 0")
        var lines = [try output.line { $0.hasPrefix("clients ") }]
        while lines.last != "there is no client 0" { lines.append(try output.line()) }
        return Statistics(lines.dropLast())
    }

    /// Stops it, and sees to it that it ends well.
    func stop(_ signal: Int32 = SIGTERM) throws {
        program.send(signal)
        #expect(try program.ending() == .code(0))
        #expect(try program.errorText() == "")
    }
}

/// The console's answer to `stats`: a label and a count a line. What is left out is 0.
struct Statistics {
    let lines: [String]
    /// What clients did that was printed behind it, before the harness had found its end.
    let between: [String]
    private var rows: [String: String] = [:]

    init(_ printed: some Sequence<String>) {
        lines = printed.filter { !$0.hasPrefix("[") }
        between = printed.filter { $0.hasPrefix("[") }
        for line in lines {
            let text = line.trimmingCharacters(in: .whitespaces)
            guard let gap = text.range(of: "  ") else { continue }
            let count = text[gap.upperBound...].trimmingCharacters(in: .whitespaces)
            rows[String(text[..<gap.lowerBound])] = count
        }
    }

    /// The count with a label.
    subscript(_ label: String) -> Int {
        rows[label]?.split(separator: " ").first.flatMap { Int($0) } ?? 0
    }

    /// What stands behind a label.
    func text(_ label: String) -> String? { rows[label] }
}

/// Runs a body with an echo server on a free port of 127.0.0.1, unless the host is another.
///
/// The wrapper is a command that is to start it.
func withEchoServer(
    _ arguments: [String] = [], host: String? = "127.0.0.1", through wrapper: [String] = [],
    input: Stream = .pipe, environment: [String: String] = [:], _ body: (Server) throws -> Void
) throws {
    var command = wrapper + [wrapper.isEmpty ? "echo-server" : Built.folder + "/echo-server"]
    if let host { command += ["--host", host] }
    command += ["--port", "0"] + arguments
    try withProgram(command, input: input, environment: environment) { program in
        let output = try #require(program.output)
        let first: String
        do {
            first = try output.line()
        } catch {
            throw Overdue("\(error); standard error: '\(try program.errorText())'")
        }
        #expect(first.hasPrefix("listening on "))
        let endpoint = String(first.dropFirst("listening on ".count))
        // Where the test has no end of the input, nothing is written to it.
        let input = program.input ?? output
        try body(Server(program: program, endpoint: endpoint, output: output, input: input))
    }
}

/// An echo client, and our ends of its pipes or its terminal.
struct Client {
    let program: Program
    let input: Channel
    let output: Channel

    /// Waits for its end, which is to be a failure that it tells in one line: this.
    func failure() throws -> String {
        #expect(try program.ending() == .code(1))
        let text = try program.errorText()
        #expect(text.hasPrefix("echo-client: "))
        #expect(text.isOneLine)
        return text
    }
}

/// Runs a body with an echo client.
func withEchoClient(
    _ endpoint: String, _ options: [String] = [], on stream: Stream = .pipe,
    _ body: (Client) throws -> Void
) throws {
    let command = ["echo-client", endpoint] + options
    try withProgram(command, input: stream, output: stream) { program in
        let input = try #require(program.input)
        let output = try #require(program.output)
        try body(Client(program: program, input: input, output: output))
    }
}

extension String {
    /// Whether it is one line, with its end.
    var isOneLine: Bool { hasSuffix("\n") && filter(\.isNewline).count == 1 }
}

/// A folder that is gone when the closure has returned.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let files = FileManager.default
    let folder = files.temporaryDirectory.appending(path: "program-tests-\(UUID().uuidString)")
    try files.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? files.removeItem(at: folder) }
    return try body(folder.path)
}
