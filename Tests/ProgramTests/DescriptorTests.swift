import Foundation
import Testing

/// Programs that are started without some of their standard descriptors, or cannot write to them.
@Suite("Standard descriptors", .timeLimit(.minutes(3)), .ownThreads)
struct DescriptorTests {
    /// Which of them are closed, in the words of the shell.
    private static let closed = [
        "<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-",
    ]

    /// A command that starts a program so.
    private func shell(_ redirections: String) -> [String] {
        ["sh", "-c", "exec \"$0\" \"$@\" \(redirections)"]
    }

    @Test(
        "echo-server serves without them, and no socket and no epoll gets one of their numbers",
        arguments: closed, ["", "--console"])
    func server(redirections: String, option: String) throws {
        let port = try unusedPort()
        let options = ["--host", "127.0.0.1", "--port", "\(port)", "--log-level", "trace"]
        let command = shell(redirections) + [Built.path(of: "echo-server")] + options
        try withProgram(command + (option.isEmpty ? [] : [option])) { program in
            try wait(for: "a listener") { (try? Channel(connectingTo: port)) != nil }
            let clients = try (1...3).map { _ in try Channel(connectingTo: port) }
            for client in clients {
                try client.write("hello\n")
                #expect(try client.line() == "hello")
            }
            for descriptor in 0...2 {
                let file = try FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/\(program.pid)/fd/\(descriptor)")
                #expect(file == "/dev/null" || file.hasPrefix("pipe:"))
            }
            program.send(SIGTERM)
            // Nothing but the answer came: no line of the output and none of the log.
            for client in clients {
                #expect(try client.rest() == [])
                client.close()
            }
            #expect(try program.ending() == .code(0))
        }
    }

    @Test("echo-client without an input has an empty one")
    func clientInput() throws {
        try withEchoServer(["--quiet"]) { server in
            let outcome = try run(shell("<&-") + [Built.path(of: "echo-client"), server.endpoint])
            #expect(outcome.ending == .code(0))
            #expect(outcome.output + outcome.errors == "")
        }
    }

    @Test(
        "echo-client that cannot write what came back ends with 1",
        arguments: [
            (">&-", "Bad file descriptor"), (">/dev/full", "No space left on device"),
            (">&- 2>&-", nil), (">/dev/full 2>/dev/full", nil),
        ])
    func clientOutput(redirections: String, reason: String?) throws {
        try withEchoServer(["--quiet"]) { server in
            let command = shell(redirections) + [Built.path(of: "echo-client"), server.endpoint]
            try withProgram(command) { client in
                try client.input?.write("hello\n")
                client.input?.close()
                #expect(try client.ending() == .code(1))
                let line = reason.map { "echo-client: cannot write the output: \($0)\n" } ?? ""
                #expect(try client.errorText() == line)
            }
        }
    }

    @Test("An error keeps its code where it cannot be told", arguments: ["2>&-", "2>/dev/full"])
    func untold(redirection: String) throws {
        for program in ["echo-server", "echo-client"] {
            let outcome = try run(
                shell(redirection) + [Built.path(of: program), "--no-such-option"])
            #expect(outcome.ending == .code(64))
        }
    }

    @Test("Help that cannot be written is a failure", arguments: [">&-", ">/dev/full"])
    func unwrittenHelp(redirection: String) throws {
        for program in ["echo-server", "echo-client"] {
            let outcome = try run(shell(redirection) + [Built.path(of: program), "--help"])
            #expect(outcome.ending == .code(1))
            #expect(outcome.errors.hasPrefix("\(program): cannot write the output: "))
        }
    }

    @Test("echo-server whose output is full says so once, and goes on")
    func serverOutputFull() throws {
        let port = try unusedPort()
        let command = ["echo-server", "--host", "127.0.0.1", "--port", "\(port)"]
        try withProgram(command, output: .file("/dev/full")) { program in
            try wait(for: "a listener") { (try? Channel(connectingTo: port)) != nil }
            for _ in 1...3 {
                let client = try Channel(connectingTo: port)
                try client.write("hello\n")
                #expect(try client.line() == "hello")
            }
            program.send(SIGTERM)
            #expect(try program.ending() == .code(0))
            let text = try program.errorText()
            #expect(text.isOneLine)
            let reason = "so nothing more is printed: No space left"
            #expect(text.contains("cannot write the output, \(reason)"))
        }
    }
}
