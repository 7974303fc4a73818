import Foundation
import Testing

/// What `ended` can be told.
private let endedReasons = """
    ended takes bad, or one of these reasons: peerClosed, peerReset, peerVanished, closed, reset, \
    kicked, slowReceiver, stalled, outboundBudgetExceeded, idle, noFirstMessage, messageTooSlow, \
    lifetimeOver, framing, listenerStopped, handlerFailed, failed
    """

@Suite("The operator's lines", .timeLimit(.minutes(3)), .ownThreads)
struct OperatorConsoleLineTests {
    @Test(
        "A line that is no command is answered, and does nothing",
        arguments: [
            ("lost", "'lost' is not a command; type help"),
            ("LIST", "'LIST' is not a command; type help"),
            ("list all", "it is: list [by rate|queued|age] [N]"),
            ("quit now", "quit takes nothing behind it"),
            ("kick", "kick needs a client's id, a number; type list to see the ids"),
            ("kick me", "kick needs a client's id, a number; type list to see the ids"),
            ("kick -1", "kick needs a client's id, a number; type list to see the ids"),
            ("kick 1 2", "kick needs a client's id, a number; type list to see the ids"),
            ("kick 99", "there is no client 99"),
            (
                "kick 18446744073709551616",
                "kick needs a client's id, a number; type list to see the ids"
            ),
            ("recorder", "nothing is recorded"),
            ("recorder x", "recorder needs a client's id, a number; type list to see the ids"),
            ("recorder 99", "nothing is recorded of client 99"),
            ("ended", "no such client has ended"), ("ended bad", "no such client has ended"),
            ("ended stalled", "no such client has ended"),
            ("ended badly", "\(endedReasons)"), ("ended bad bad", "\(endedReasons)"),
            ("broadcast", "it is: broadcast TEXT"),
            ("broadcast alone", "sent to 0 clients"),
            ("\u{1B}[2J", #"'\u{1b}[2J' is not a command; type help"#),
            ("\r", nil), ("", nil), ("    ", nil),
        ])
    func noCommand(line: String, answer: String?) throws {
        try withEchoServer(["--console"]) { server in
            try server.command(line)
            // A blank line has no answer: what comes is the answer to the next.
            if let answer { #expect(try server.output.line() == answer) }
            try server.command("  list  ")
            #expect(try server.output.line() == "no clients")
        }
    }

    @Test("A line that is too long, or not UTF-8, is refused, and the next one is read")
    func strangeLines() throws {
        try withEchoServer(["--console"]) { server in
            try server.command(String(repeating: "x", count: 1 << 20))
            #expect(try server.output.line().hasPrefix("line too long: "))
            try server.input.write([0xFF, 0xC3, 0x28, 0x00, 0x0A])
            #expect(try server.output.line().hasSuffix("is not valid UTF-8; type help"))
            try server.input.write(Array("broadcast ".utf8) + [0xFF, 0x0A])
            #expect(try server.output.line().hasSuffix("is not valid UTF-8; type help"))
            try server.command("list")
            #expect(try server.output.line() == "no clients")
        }
    }

    @Test("A line of 4096 bytes is executed whole; of a longer one nothing is executed")
    func cutLine() throws {
        try withEchoServer(["--quiet", "--console"]) { server in
            let client = try server.connect()
            try server.waitForClients(1)
            let text = String(repeating: "x", count: 4096 - "broadcast ".count)
            for ending in ["\n", "\r\n"] {
                try server.input.write("broadcast " + text + ending)
                #expect(try server.output.line() == "sent to 1 clients")
                #expect(try client.line() == text)
            }
            for length in [4097, 1 << 20] {
                try server.command(
                    "broadcast ".padding(toLength: length, withPad: "x", startingAt: 0))
                #expect(
                    try server.output.line() == "line too long: a command has at most 4096 bytes")
            }
            try server.command("broadcast end")
            #expect(try client.line() == "end")
        }
    }

    @Test("A broadcast that the framing cannot carry is refused, not sent to nobody")
    func unsendable() throws {
        try withEchoServer(["--quiet", "--console", "--framing", "fixed:4"]) { server in
            let client = try server.connectAndEcho("four")
            try server.command("broadcast hello")
            #expect(
                try server.output.line()
                    == "the text cannot be sent as a frame: 5 bytes are more than the limit of 4")
            try server.command("broadcast five")
            #expect(try server.output.line() == "sent to 1 clients")
            #expect(try client.text(like: "five") == "five")
        }
    }

    @Test("Half a line does not hold up the clients, nor is it a command")
    func halfLine() throws {
        try withEchoServer(["--quiet", "--console", "--max-connections", "16"]) { server in
            try server.input.write("sta")
            let client = try server.connectAndEcho()
            try server.command("ts")
            #expect(try server.output.line().hasSuffix(" 1 of at most 16"))
            client.close()
        }
    }

    @Test("The last line of its input is a command without a line end, too")
    func lastLine() throws {
        try withEchoServer(["--quiet", "--console"]) { server in
            try server.input.write("list")
            server.input.close()
            #expect(try server.output.line() == "no clients")
            try server.stop()
        }
    }

    @Test("An input that cannot be read is told, and leaves the server running")
    func unreadable() throws {
        try withEchoServer(["--quiet", "--console"], input: .file("/")) { server in
            #expect(
                try server.output.line()
                    == "no more commands: cannot read the input: Is a directory")
            _ = try server.connectAndEcho()
        }
    }
}
