import Foundation
import Testing

@Suite("The operator's console", .ownThreads, .timeLimit(.minutes(3)))
struct OperatorConsoleTests {
    @Test("list: a client a line with its id, address, age and bytes")
    func list() throws {
        try withEchoServer(["--quiet", "--console"]) { server in
            try server.command("list")
            #expect(try server.output.line() == "no clients")
            let first = try server.connectAndEcho("hello\n")
            let second = try server.connectAndEcho("안녕\n")
            try server.command("list")
            for (id, client, bytes) in [(1, first, 6), (2, second, 7)] {
                let fields = try server.output.line().split(separator: " ", maxSplits: 2)
                try #require(fields.count == 3)
                #expect(fields[0] == "\(id)")
                #expect(fields[1] == "127.0.0.1:\(client.localPort)")
                let counts = "\(bytes) bytes in, \(bytes) bytes out, 0 bytes queued"
                #expect(fields[2].hasSuffix(" s, \(counts)"))
                #expect(Int(fields[2].prefix { $0 != " " }) != nil)
            }
        }
    }

    @Test("list shows what is queued for a client that does not read")
    func listQueued() throws {
        try withEchoServer(["--quiet", "--console", "--mode", "broadcast"]) { server in
            let reader = try server.fillQueue()
            try server.command("list")
            let line = try server.output.line { $0.hasPrefix("1 127.0.0.1:") }
            let queued = line.split(separator: ", ").last?.split(separator: " ").first
            #expect(try #require(queued.flatMap { Int($0) }) > 1 << 20)
            reader.close()
        }
    }

    @Test("ended and recorder: who has gone, why, and what happened before")
    func ended() throws {
        try withEchoServer(["--console", "--framing", "netstring"]) { server in
            let client = try server.connect()
            let port = client.localPort
            try client.write("5:hello,junk")
            #expect(try client.rest() == Array("5:hello,".utf8))
            client.close()
            _ = try server.output.line { $0.hasPrefix("[1] ") && $0.contains(" gone: ") }
            try server.command("ended bad")
            let line = try server.output.line()
            #expect(line.hasPrefix("1 127.0.0.1:\(port) "))
            #expect(line.hasSuffix(" s, 12 bytes in, 8 bytes out"))
            try server.command("ended framing")
            #expect(try server.output.line().hasPrefix("1 127.0.0.1:\(port) "))
            try server.command("ended kicked")
            #expect(try server.output.line() == "no such client has ended")
            try server.command("recorder 1")
            #expect(try server.output.line().hasSuffix(" s: connected, from port \(port)"))
            _ = try server.output.line { $0.hasSuffix(": sent 8 bytes") }
            _ = try server.output.line { $0.hasSuffix(": ended: framing") }
        }
    }

    @Test("kick sends one client away and no other")
    func kick() throws {
        try withEchoServer(["--console"]) { server in
            let first = try server.connectAndEcho()
            let second = try server.connectAndEcho()
            try server.command("kick 1")
            _ = try server.output.line { $0 == "kicked 1" }
            #expect(try first.rest() == [])
            first.close()
            _ = try server.output.line { $0.hasPrefix("[1] ") && $0.hasSuffix(" gone: kicked") }
            try second.write("still here\n")
            #expect(try second.line() == "still here")
            try server.command("kick 1")
            _ = try server.output.line { $0 == "there is no client 1" }
        }
    }

    @Test(
        "broadcast sends a line to every client, in either mode", arguments: ["echo", "broadcast"])
    func broadcast(mode: String) throws {
        try withEchoServer(["--quiet", "--console", "--mode", mode]) { server in
            let clients = try (1...2).map { _ in try server.connect() }
            try server.waitForClients(2)
            try server.command("broadcast 점심  시간")
            #expect(try server.output.line() == "sent to 2 clients")
            for client in clients { #expect(try client.line() == "점심  시간") }
        }
    }

    @Test("stats: how it stands and what has happened, a line each, aligned, without idle zeros")
    func stats() throws {
        try withEchoServer(["--quiet", "--console", "--max-connections", "7"]) { server in
            let clients = try ["one\n", "three\n"].map { try server.connectAndEcho($0) }
            #expect(
                try server.stats().lines == [
                    "clients        2 of at most 7",
                    "peak           2",
                    "accepted       2",
                    "bytes in      10",
                    "bytes out     10",
                    "bytes queued   0",
                    "messages in    2",
                ])
            clients[0].close()
            clients[1].reset()
            try server.waitForClients(0)
            let later = try server.stats()
            #expect(later.text("clients") == "0 of at most 7")
            #expect(later["peak"] == 2)
            #expect(later["bytes in"] == 10, "also of those who have gone")
            #expect(
                later.lines.suffix(3).map { $0.split(separator: "  ").first } == [
                    "ended", "peer closed", "peer reset",
                ])
            #expect(later["ended"] == 2)
        }
    }

    @Test("help names every command")
    func help() throws {
        try withEchoServer(["--console"]) { server in
            try server.command("help")
            for command in [
                "list", "show ID", "why [ID]", "ended", "recorder [ID]", "stats", "loops", "state",
                "advice", "profile [SECONDS]", "measure [on|off]", "trace SOURCE",
                "tap off | ID", "dump ID", "watch", "metrics",
                "limits", "kick ID", "broadcast TEXT", "drain", "set LIMIT VALUE", "log-level",
                "help", "quit",
            ] {
                #expect(try server.output.line().hasPrefix(command))
            }
        }
    }

    @Test("quit stops the server as a signal does")
    func quit() throws {
        try withEchoServer(["--console"]) { server in
            try server.connectAndEcho().close()
            try server.command("quit")
            _ = try server.output.line(with: "stopped: ")
            #expect(try server.program.ending() == .code(0))
            #expect(try server.program.errorText() == "")
        }
    }

    @Test("The end of its input leaves the server running")
    func endOfInput() throws {
        try withEchoServer(["--quiet", "--console"]) { server in
            try server.command("list")
            #expect(try server.output.line() == "no clients")
            server.input.close()
            for _ in 1...3 { try server.connectAndEcho().close() }
            try server.stop()
        }
    }

    @Test("A terminal has the console without being asked; Ctrl-D leaves the server running")
    func terminal() throws {
        try withEchoServer(["--quiet"], input: .terminal) { server in
            let client = try server.connectAndEcho()
            try server.command("list")
            #expect(try server.output.line().hasPrefix("1 127.0.0.1:\(client.localPort) "))
            try server.command("broadcast 안녕")
            #expect(try client.line() == "안녕")
            try server.input.write("\u{4}")
            for _ in 1...3 { try server.connectAndEcho().close() }
            client.close()
            try server.stop()
        }
    }

    @Test("Without the option an input that is no terminal is not read")
    func withoutOption() throws {
        try withEchoServer(["--quiet"]) { server in
            try server.command("quit")
            for _ in 1...3 { try server.connectAndEcho().close() }
            try server.stop()
            #expect(try server.output.rest() == [])
        }
    }

    @Test("It answers while a crowd is served, and the crowd is served while it answers")
    func crowd() throws {
        try withEchoServer(["--quiet", "--console"]) { server in
            let clients = try (1...50).map { _ in try server.connectAndEcho() }
            for _ in 1...20 { try server.command("list") }
            for client in clients { try client.write("again\n") }
            for client in clients { #expect(try client.line() == "again") }
            for _ in 1...20 {
                for id in 1...50 { #expect(try server.output.line().hasPrefix("\(id) ")) }
            }
            clients.forEach { $0.close() }
        }
    }
}
