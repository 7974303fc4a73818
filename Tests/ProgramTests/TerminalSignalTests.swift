import Foundation
import Testing

/// What programs that read their input do with the signals of their terminal.
@Suite("Signals of the terminal", .timeLimit(.minutes(3)), .ownThreads)
struct TerminalSignalTests {
    @Test("In the background a server that has a console goes on without it, and is not stopped")
    func background() throws {
        let port = try unusedPort()
        let server =
            "\(Built.path(of: "echo-server")) --console --quiet --host 127.0.0.1 --port \(port)"
        // With job control the shell gives a command in the background a process group of its own.
        let script = "set -m; \(server) & wait"
        try withProgram(["sh", "-c", script], input: .terminal, output: .terminal) { shell in
            let output = try #require(shell.output)
            _ = try output.line(with: "listening on ")
            // The end of the shell, which is ours, is not the server's.
            let server = try #require(try children(of: shell.pid).first)
            defer { _ = kill(server, SIGKILL) }
            _ = try output.line(with: "no more commands: cannot read the input: ")
            let client = try Channel(connectingTo: port)
            try client.write("hello\n")
            #expect(try client.line() == "hello")
        }
    }

    @Test(
        "A program that reads its input ignores no signal of the terminal",
        arguments: [true, false])
    func dispositions(isServer: Bool) throws {
        try withEchoServer(["--console", "--quiet"]) { server in
            try server.command("list")
            #expect(try server.output.line() == "no clients")
            if isServer { return try expectOrdinary(server.program) }
            try withEchoClient(server.endpoint) { client in
                try client.input.write("hello\n")
                #expect(try client.output.line() == "hello")
                try expectOrdinary(client.program)
            }
        }
    }

    /// Children would inherit an ignored signal, and a signal that the loop's thread blocks.
    private func expectOrdinary(_ program: Program) throws {
        for signal in [SIGTTIN, SIGTTOU, SIGTSTP] {
            #expect(try !program.ignores(signal))
            #expect(try !program.blocks(signal))
        }
    }

    private func children(of pid: pid_t) throws -> [pid_t] {
        let path = "/proc/\(pid)/task/\(pid)/children"
        return try String(contentsOfFile: path, encoding: .utf8)
            .split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
    }
}
