import Foundation
import Testing

@Suite("echo-server's admin socket and metrics", .ownThreads, .timeLimit(.minutes(1)))
struct EchoServerAdminTests {
    /// Gives commands to an admin socket by a plain client, and waits for all that answers them.
    private func answers(to commands: String, at path: String) throws -> String {
        let socket = try Channel(connectingToPath: path)
        try socket.write(commands)
        socket.finish()
        return String(decoding: try socket.rest(), as: UTF8.self)
    }

    @Test("It takes the console's commands at the socket", arguments: ["1", "2"])
    func commands(loops: String) throws {
        let path = "/tmp/uv\(UInt32.random(in: 0 ... .max)).sock"
        try withEchoServer(["--quiet", "--admin", "unix:\(path)", "--loops", loops]) { server in
            #expect(try server.output.line() == "commands at unix:\(path)")
            let client = try server.connectAndEcho()
            let listed = try answers(to: "list\nkick 1\n", at: path).split(separator: "\n")
            #expect(listed.count == 2)
            #expect(listed[0].hasPrefix("1 127.0.0.1:\(client.localPort) "))
            #expect(listed[1] == "kicked 1")
            #expect(try client.rest() == [])
            client.close()
            #expect(try answers(to: "log-level debug\n", at: path) == "log-level debug\n\n")
            #expect(try answers(to: "quit\n", at: path).hasPrefix("'quit' is not a command"))
            #expect(try answers(to: "drain 1\n", at: path) == "draining: clients have 1 s\n\n")
            #expect(try server.program.ending() == .code(0))
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(
        "Metrics and health over HTTP, with the admin socket or without", arguments: [true, false])
    func metrics(hasAdmin: Bool) throws {
        let path = "/tmp/uv\(UInt32.random(in: 0 ... .max)).sock"
        let admin = hasAdmin ? ["--admin", "unix:\(path)"] : []
        try withEchoServer(["--quiet", "--metrics", "127.0.0.1:0"] + admin) { server in
            let client = try server.connectAndEcho()
            if hasAdmin { _ = try server.output.line(with: "commands at ") }
            let line = try server.output.line(with: "metrics at http://127.0.0.1:")
            let port = try #require(UInt16(line.split { !$0.isNumber }.last ?? ""))
            let http = try Channel(connectingTo: port)
            try http.write(
                "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
                    + "GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            let text = String(decoding: try http.rest(), as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.contains("\nuvsockets_connections{listener=\"echo\"} 1\n"))
            #expect(text.hasSuffix("\r\n\r\nok\n"))
            client.close()
            try server.stop()
        }
    }

    @Test(
        "An endpoint that is taken or not allowed ends it in a line",
        arguments: [
            (["--admin", "0.0.0.0:0"], "loopback"),
            (["--admin", "unix:/no/such/folder"], "ENOENT"),
            (["--metrics", "192.0.2.1:0"], "EADDRNOTAVAIL"), (["--admin", "here"], "HOST:PORT"),
        ])
    func refused(arguments: [String], word: String) throws {
        let outcome = try run(["echo-server", "--port", "0", "--host", "127.0.0.1"] + arguments)
        #expect(outcome.ending != .code(0))
        #expect(outcome.errors.hasPrefix("echo-server: "))
        #expect(outcome.errors.isOneLine)
        #expect(outcome.errors.contains(word), "\(outcome.errors)")
    }
}
