import Foundation
import Testing

@Suite("uv-inspect", .ownThreads, .timeLimit(.minutes(2)))
struct BlackBoxProgramTests {
    private func inspect(_ arguments: String...) throws -> [String] {
        let outcome = try run(["uv-inspect"] + arguments)
        #expect(outcome.ending == .code(0))
        #expect(outcome.errors == "")
        return outcome.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map(String.init)
    }

    /// Runs an echo server with a black box, kills it while clients talk, and shows the box.
    private func withKilledServer(
        _ arguments: [String] = ["--framing", "lines"], messages: Int = 3,
        _ body: (_ path: String, _ port: UInt16) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/box"
            var port: UInt16 = 0
            try withEchoServer(
                ["--quiet"] + arguments, environment: ["UVSOCKETS_RECORDER": path]
            ) { server in
                port = server.port
                let leaver = try server.connectAndEcho()
                leaver.close()
                let clients = try (0..<2).map { _ in try server.connectAndEcho() }
                for _ in 0..<messages {
                    for client in clients {
                        try client.write("hi\n")
                        #expect(try client.text(like: "hi\n") == "hi\n")
                    }
                }
                server.program.send(SIGKILL)
                #expect(try server.program.ending() == .signal(SIGKILL))
            }
            try body(path, port)
        }
    }

    @Test("After kill -9 it shows who was there, and what each did last")
    func killed() throws {
        try withKilledServer { path, port in
            let lines = try inspect(path)
            #expect(lines[0].hasPrefix("echo-server, process "))
            #expect(lines[0].hasSuffix(" has crashed, or was killed"))
            let today = Date().formatted(.iso8601.year().month().day())
            #expect(lines[1].hasPrefix("recorded since \(today)"))
            #expect(lines.contains("listener 1: 127.0.0.1:\(port)"))
            #expect(lines.contains { $0.hasPrefix(today) && $0.hasSuffix(" 1/2 sent 3 bytes") })
            #expect(lines.contains { $0.hasSuffix(" 1/1 ended: peerClosed") })
            #expect(lines.suffix(3).first == "2 clients were open:")
            // The one that was served last may have got its answer before that was recorded.
            #expect(lines.suffix(2).contains { $0.hasPrefix("1/3 last \(today)") })
            #expect(
                lines.suffix(2).contains {
                    $0.hasPrefix("1/2 last \(today)") && $0.hasSuffix(": sent 3 bytes")
                })
            let one = try inspect(path, "--client", "3", "--last", "2")
            #expect(one.filter { $0.contains(" 1/3 ") }.count == 2)
            #expect(one.contains("1 client was open:"))
            #expect(try inspect(path, "--client", "1/3", "--last", "2") == one)
            #expect(try inspect(path, "--client", "9").contains("no events of such a client"))
            #expect(try inspect(path, "--bad").allSatisfy { !$0.contains(" 1/1 ") })
            let rows = try inspect("show", path, "--json", "--client", "2").map {
                try #require(
                    try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(rows[0]["state"] as? String == "crashed")
            #expect(rows.dropFirst().allSatisfy { $0["client"] as? Int == 2 })
            #expect(rows.last?["type"] as? String == "open")
            #expect(rows.dropFirst().dropLast().last?["event"] as? String == "sent")
        }
    }

    @Test("The last 16,383 events are there, and a restart keeps them once")
    func full() throws {
        try withKilledServer(messages: 5000) { path, _ in
            let lines = try inspect(path, "--last", "20000")
            #expect(lines.contains { $0.hasSuffix(" events, the last 16383 are kept") })
            #expect(lines.count > 16_383)
            #expect(lines.dropFirst(6).prefix(16_383).allSatisfy { $0.contains(" 3 bytes") })
            try withEchoServer(environment: ["UVSOCKETS_RECORDER": path]) { server in
                #expect(try inspect(path)[0].hasSuffix(", still runs"))
                #expect(try inspect(path + ".old", "--last", "20000") == lines)
                try server.stop()
            }
            #expect(try inspect(path)[0].hasSuffix(", has ended by exit"))
            #expect(try inspect(path + ".old", "--last", "20000") == lines)
        }
    }

    @Test("Each loop of a server has a file")
    func loops() throws {
        try withKilledServer(["--loops", "2", "--framing", "lines"]) { path, _ in
            // One loop has the console, and two have clients.
            let all = try [path, path + ".1", path + ".2"].map { try inspect($0) }
            #expect(all[0].contains("no events"))
            for lines in all.dropFirst() { #expect(lines.contains { $0.hasPrefix("listener ") }) }
            let open = all.flatMap { $0 }.filter { $0.contains("/") && $0.contains(" last 20") }
            #expect(open.count == 2)
        }
    }

    @Test("What is no whole black box is refused in a line")
    func refused() throws {
        try withKilledServer { path, _ in
            let whole = try Data(contentsOf: URL(filePath: path))
            let cut = "\(path)-cut"
            for count in [0, 7, 100, 8191, 8192, whole.count - 1] {
                try whole.prefix(count).write(to: URL(filePath: cut))
                try Refusal(cut, words: cut, "black box").check("uv-inspect", code: 1)
            }
            try Refusal("/etc/passwd", words: "no black box of UVSockets").check(
                "uv-inspect", code: 1)
            try Refusal("/", words: "it is no file").check("uv-inspect", code: 1)
            try Refusal("/dev/zero", words: "it is no file").check("uv-inspect", code: 1)
            try Refusal("/none", words: "No such file").check("uv-inspect", code: 1)
            try Refusal("/a\nb", words: "/a\\nb").check("uv-inspect", code: 1)
            for wrong in [
                ["--last", "0"], ["--last", "x"], ["--client", "1/2/3"], ["--client", ""],
            ] {
                let outcome = try run(["uv-inspect", path] + wrong)
                #expect(outcome.ending == .code(64))
                #expect(outcome.errors.isOneLine)
            }
            try Refusal(words: "Missing").check("uv-inspect", code: 64)
        }
    }

    @Test("A box that cannot be made costs a server one line")
    func noFile() throws {
        try withProgram(
            ["echo-server", "--port", "0", "--loops", "3"],
            environment: ["UVSOCKETS_RECORDER": "/none/box"]
        ) { program in
            _ = try program.output?.line()
            program.send(SIGTERM)
            #expect(try program.ending() == .code(0))
            let text = try program.errorText()
            #expect(text.isOneLine)
            #expect(text.contains("recorded in memory only"))
        }
    }

    @Test("A trace that the environment asks for is seen; a wrong word costs one line")
    func trace() throws {
        try withEchoServer(environment: ["UVSOCKETS_TRACE": "accept,recieve,receive"]) { server in
            let client = try server.connectAndEcho()
            client.close()
            server.program.send(SIGTERM)
            #expect(try server.program.ending() == .code(0))
            let lines = try server.program.errorText().split(separator: "\n")
            #expect(lines.filter { $0.contains("'recieve' cannot be traced") }.count == 1)
            #expect(lines.contains { $0.contains("accept at 127.0.0.1:\(server.port): ") })
            #expect(lines.contains { $0.contains(": received 6 bytes, behind 0 others") })
            #expect(!lines.contains { $0.contains(": sent 6 bytes") })
        }
    }
}
