import Foundation
import Testing

@Suite("echo-server's output", .ownThreads, .timeLimit(.minutes(3)))
struct EchoServerOutputTests {
    /// As text it is far more than the server keeps for a reader that does not read, 1 MiB.
    private static let messages = 3000
    private static let message = [UInt8](repeating: 0x1B, count: 1000)

    @Test("A reader that does not read does not stop it, and learns what it has missed")
    func blocked() throws {
        try withEchoServer { server in
            let client = try server.connect()
            for _ in 1...Self.messages {
                try client.write(Self.message)
                #expect(try client.bytes(Self.message.count) == Self.message)
            }
            #expect(server.program.isRunning)
            let notice = try server.output.line(with: "were dropped")
            #expect(notice.contains("lines were dropped: the output was blocked"))
            // And it goes on printing.
            try client.write("still there\n")
            _ = try server.output.line(with: ": still there")
            client.close()
            try server.stop()
        }
    }

    @Test("A reader that goes away does not stop it")
    func gone() throws {
        try withEchoServer { server in
            let client = try server.connectAndEcho()
            server.output.close()
            for _ in 1...Self.messages {
                try client.write(Self.message)
                #expect(try client.bytes(Self.message.count) == Self.message)
            }
            client.close()
            try server.stop()
        }
    }

    @Test("It stops although nobody reads its output")
    func stopsWhileBlocked() throws {
        try withEchoServer { server in
            let client = try server.connect()
            for _ in 1...Self.messages {
                try client.write(Self.message)
                #expect(try client.bytes(Self.message.count) == Self.message)
            }
            client.close()
            try server.stop()
        }
    }

    @Test(
        "A reader of its log that does not read, or goes away, does not stop it",
        arguments: [
            true, false,
        ])
    func log(isGone: Bool) throws {
        try withEchoServer(["--quiet", "--log-level", "trace"]) { server in
            if isGone { server.program.errors.close() }
            // Each client is two lines in the log; the pipe takes 64 KiB.
            for _ in 1...1500 { try server.connectAndEcho("x").close() }
            _ = try server.connectAndEcho()
            server.program.send(SIGTERM)
            #expect(try server.program.ending() == .code(0))
        }
    }
}
