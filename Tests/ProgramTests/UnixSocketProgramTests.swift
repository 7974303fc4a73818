import Foundation
import Testing

@Suite("The programs on a Unix-domain socket", .ownThreads, .timeLimit(.minutes(1)))
struct UnixSocketProgramTests {
    @Test(
        "A client talks to a server, by callbacks and by tasks",
        arguments: ["callback", "async"], ["/tmp/uv%.sock", "@uv%"])
    func echoes(api: String, name: String) throws {
        let number = "\(UInt32.random(in: 0 ... .max))"
        let endpoint = "unix:" + name.replacing("%", with: number)
        try withProgram(["echo-server", "--listen", endpoint, "--api", api]) { server in
            let output = try #require(server.output)
            #expect(try output.line() == "listening on \(endpoint)")
            try withEchoClient(endpoint) { client in
                try client.input.write("hello\n")
                #expect(try client.output.line() == "hello")
                let line = try output.line()
                #expect(line == "[1] pid \(client.program.pid), uid \(getuid()) connected")
            }
            server.send(SIGTERM)
            #expect(try server.ending() == .code(0))
        }
        #expect(!FileManager.default.fileExists(atPath: String(endpoint.dropFirst(5))))
    }

    @Test("A name that is too long is refused in a line")
    func tooLong() throws {
        let path = "/" + String(repeating: "x", count: 107)
        try Refusal("--listen", "unix:\(path)", words: "108 bytes", "at most 107").check(
            "echo-server")
    }

    @Test(
        "A path that begins neither with / nor with . is refused in a line that says so",
        arguments: ["unix:x", "unix:"])
    func noPath(endpoint: String) throws {
        try Refusal("--listen", endpoint, words: "'\(endpoint)'", "begins with / or .").check(
            "echo-server", code: 64)
        try Refusal(endpoint, words: "'\(endpoint)'", "begins with / or .").check(
            "echo-client", code: 64)
    }
}
