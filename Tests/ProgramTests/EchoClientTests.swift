import Foundation
import Testing

@Suite("echo-client", .ownThreads, .timeLimit(.minutes(3)))
struct EchoClientTests {
    @Test(
        "From a pipe every byte comes back as it is, and the end of the input ends it with 0",
        arguments: [
            "", "\n", "one line\n", "no final newline", "two\nlines\n", "\r\n\0\u{1B}[2J\u{FEFF}",
        ])
    func exact(text: String) throws {
        try withEchoServer { server in
            try withEchoClient(server.endpoint) { client in
                try client.input.write(text)
                client.input.close()
                #expect(try client.output.rest() == Array(text.utf8))
                #expect(try client.program.ending() == .code(0))
                #expect(try client.program.errorText() == "")
            }
        }
    }

    @Test(
        "It connects from the address it is told, with a port or without one",
        arguments: ["127.0.0.9", "127.0.0.9:0"])
    func localAddress(address: String) throws {
        try withEchoServer { server in
            try withEchoClient(server.endpoint, ["--from", address]) { client in
                #expect(try server.output.line().hasPrefix("[1] 127.0.0.9:"))
                try client.input.write("hello\n")
                #expect(try client.output.line() == "hello")
            }
        }
    }

    @Test("A local address that is none of this machine's is refused in a line")
    func foreignAddress() throws {
        try Refusal(
            "127.0.0.1:1", "--from", "198.51.100.1", words: "bind 198.51.100.1:0",
            "this machine does not have that address"
        ).check("echo-client", code: 1)
    }

    @Test("An input that is empty from the start ends it with 0")
    func nullInput() throws {
        try withEchoServer { server in
            let outcome = try run(["echo-client", server.endpoint])
            #expect(outcome.ending == .code(0))
            #expect(outcome.output + outcome.errors == "")
        }
    }

    @Test("Each line comes back while the input goes on")
    func dialogue() throws {
        try withEchoServer(["--quiet"]) { server in
            try withEchoClient(server.endpoint) { client in
                for number in 1...100 {
                    try client.input.write("line \(number)\n")
                    #expect(try client.output.line() == "line \(number)")
                }
            }
        }
    }

    @Test("What the server still sends after the end of the input is written, too")
    func lateAnswer() throws {
        let listener = try RawListener()
        try withEchoClient(listener.endpoint) { client in
            let server = try listener.accept()
            try client.input.write("question")
            client.input.close()
            #expect(try server.rest() == Array("question".utf8))
            #expect(client.program.isRunning)
            try server.write("answer")
            server.close()
            #expect(try client.output.rest() == Array("answer".utf8))
            #expect(try client.program.ending() == .code(0))
        }
    }

    // MARK: At a terminal

    @Test("At a terminal a line that is typed comes back, and Ctrl-D ends it with 0")
    func terminal() throws {
        try withEchoServer(["--quiet"]) { server in
            try withEchoClient(server.endpoint, on: .terminal) { client in
                for line in ["hello", "안녕"] {
                    try client.input.write(line + "\n")
                    // Once as the terminal's own echo, once from the server.
                    #expect(try client.output.line() == line)
                    #expect(try client.output.line() == line)
                }
                try client.input.write("\u{4}")
                #expect(try client.program.ending() == .code(0))
                #expect(try client.program.errorText() == "")
            }
        }
    }

    @Test("At a terminal nothing that the server sends can garble it")
    func terminalEscapes() throws {
        let listener = try RawListener()
        try withEchoClient(listener.endpoint, on: .terminal) { client in
            let server = try listener.accept()
            try server.write([0x1B, 0x5B, 0x32, 0x4A, 0x07, 0xFF, 0x61, 0x0A])
            #expect(try client.output.line() == "\\u{1b}[2J\\u{7}\u{FFFD}a")
            try server.write("next\n")
            #expect(try client.output.line() == "next")
        }
    }

    // MARK: A server that goes away

    /// How a server goes away.
    enum Departure: CaseIterable {
        case finishes, closes, resets, closesUnread, isKilled
    }

    @Test("A server that goes away ends it with 1 and a message", arguments: Departure.allCases)
    func departure(departure: Departure) throws {
        guard departure != .isKilled else { return try killed() }
        let listener = try RawListener()
        try withEchoClient(listener.endpoint) { client in
            let server = try listener.accept()
            try client.input.write("hello\n")
            // Closed with unread bytes, a socket is reset.
            try server.waitUntilReadable()
            if departure != .closesUnread { #expect(try server.line() == "hello") }
            try server.write("goodbye\n")
            #expect(try client.output.line() == "goodbye")
            switch departure {
            case .finishes: server.finish()
            case .resets: server.reset()
            default: server.close()
            }
            let line = try client.failure()
            #expect(line.contains(listener.endpoint))
            let isReset = departure == .resets || departure == .closesUnread
            #expect(line.contains(isReset ? "reset" : "closed"))
            server.close()
        }
    }

    private func killed() throws {
        try withEchoServer(["--quiet"]) { server in
            try withEchoClient(server.endpoint) { client in
                try client.input.write("hello\n")
                #expect(try client.output.line() == "hello")
                server.program.send(SIGKILL)
                #expect(try client.failure().contains(server.endpoint))
            }
        }
    }

    @Test(
        "A server that goes away in the middle of a transfer ends it with 1",
        arguments: [Departure.finishes, .closesUnread, .resets])
    func departureInTransfer(departure: Departure) throws {
        let listener = try RawListener()
        let command = ["echo-client", listener.endpoint]
        try withProgram(command, input: .file("/dev/zero")) { client in
            let server = try listener.accept()
            _ = try server.bytes(1 << 20)
            switch departure {
            case .finishes: server.finish()
            case .resets: server.reset()
            default: server.close()
            }
            #expect(try client.ending() == .code(1))
            #expect(try client.errorText().contains(listener.endpoint))
            server.close()
        }
    }

    @Test("An output that nobody reads any more ends it with a message, not with 0")
    func outputGone() throws {
        try withEchoServer(["--quiet"]) { server in
            let command = ["echo-client", server.endpoint]
            try withProgram(command, input: .file("/dev/zero")) { client in
                let output = try #require(client.output)
                #expect(try output.bytes(1) == [0])
                output.close()
                #expect(try client.ending() == .code(1))
                #expect(try client.errorText().hasPrefix("echo-client: cannot write the output: "))
            }
            _ = try server.connectAndEcho()
        }
    }

    @Test("An output that is full ends it with a message")
    func outputFull() throws {
        try withEchoServer(["--quiet"]) { server in
            let command = ["echo-client", server.endpoint]
            try withProgram(command, output: .file("/dev/full")) { client in
                try client.input?.write("hello\n")
                client.input?.close()
                #expect(try client.ending() == .code(1))
                #expect(try client.errorText().contains("cannot write the output"))
            }
        }
    }

    @Test("An input that cannot be read ends it with a message")
    func inputUnreadable() throws {
        try withEchoServer(["--quiet"]) { server in
            let outcome = try run(["echo-client", server.endpoint], input: .file("/"))
            #expect(outcome.ending == .code(1))
            #expect(outcome.errors.hasPrefix("echo-client: cannot read the input: "))
        }
    }

    // MARK: No server

    @Test(
        "Bad input gets one clear line",
        arguments: [
            Refusal("127.0.0.1", words: "127.0.0.1", "HOST:PORT"),
            Refusal("127.0.0.1:65536", words: "0 to 65535"),
            Refusal("127.0.0.1:-1", words: "0 to 65535"),
            Refusal("127.0.0.1:echo", words: "0 to 65535"),
            Refusal("127.0.0.1:", words: "0 to 65535"),
            Refusal(":8081", words: "host"),
            Refusal("::1:8081", words: "[ADDRESS]:PORT"),
            Refusal("", words: "HOST:PORT"),
            Refusal("--timeout", "0", words: "--timeout", "seconds"),
            Refusal("--timeout", "soon", words: "--timeout", "soon"),
            Refusal("--timeout", "inf", words: "--timeout", "seconds"),
            Refusal("--timeout", "nan", words: "--timeout", "seconds"),
            Refusal("--timeout", "0x10", words: "--timeout", "seconds"),
            Refusal("--timeout", "1e3", words: "--timeout", "seconds"),
            Refusal("--timeout", "86400.1", words: "--timeout", "86400"),
            Refusal("--timeout", "0.0000000000000000000001", words: "--timeout", "above 0"),
            Refusal("--no-such-option", words: "--no-such-option"),
            Refusal("127.0.0.1:1", "127.0.0.1:2", words: "127.0.0.1:2"),
            Refusal("nosuch.invalid:8081", words: "nosuch.invalid", "(EAI_"),
        ])
    func badInput(refusal: Refusal) throws {
        try refusal.check("echo-client")
    }

    @Test(
        "Where nobody listens it says so, and where that was",
        arguments: ["127.0.0.1", "localhost"])
    func refused(host: String) throws {
        let port = try unusedPort()
        try Refusal(
            "\(host):\(port)", words: "connect ", ":\(port): connection refused (ECONNREFUSED)"
        ).check("echo-client")
    }

    @Test("A server that does not answer is given up when the deadline has passed")
    func deadline() throws {
        try RawListener.withFullBacklog { listener in
            let start = ContinuousClock.now
            try Refusal(
                listener.endpoint, "--timeout", "0.5",
                words: "connect \(listener.endpoint): ", "0.5 seconds", "(ETIMEDOUT)"
            ).check("echo-client")
            #expect(ContinuousClock.now - start >= .milliseconds(500))
        }
    }

    // MARK: Reconnecting

    @Test("Told to reconnect it says what is lost and found, and what is typed meanwhile arrives")
    func reconnect() throws {
        let port = try unusedPort()
        let endpoint = "127.0.0.1:\(port)"
        let server = ["--quiet", "--port", "\(port)"]
        try withEchoClient(endpoint, ["--reconnect"]) { client in
            let errors = client.program.errors
            #expect(
                try errors.line()
                    == "echo-client: connect \(endpoint): connection refused (ECONNREFUSED); "
                    + "trying again")
            try client.input.write("one\n")
            try withEchoServer(server) { _ in
                let found = try errors.line()
                #expect(found == "echo-client: connected to \(endpoint)")
                #expect(try client.output.line() == "one")
            }
            let lost = try errors.line()
            #expect(lost.hasPrefix("echo-client: \(endpoint) is gone: "))
            #expect(lost.hasSuffix("; trying again"))
            try client.input.write("two\n")
            client.input.close()
            try withEchoServer(server) { _ in
                let second = try client.output.line()
                #expect(second == "two")
                #expect(try client.output.rest() == [])
                #expect(try client.program.ending() == .code(0))
            }
            #expect(try client.program.errorText() == "echo-client: connected to \(endpoint)\n")
        }
    }

    @Test("Told to reconnect it finds a server that has only finished, line by line")
    func reconnectAfterFinish() throws {
        let listener = try RawListener()
        let options = ["--reconnect", "--framing", "lines"]
        try withEchoClient(listener.endpoint, options) { client in
            for word in ["one", "two", "three"] {
                try client.input.write(word + "\n")
                let server = try listener.accept()
                #expect(try server.line() == word)
                try server.write("that was \(word)\n")
                #expect(try client.output.line() == "that was \(word)")
                server.finish()
                #expect(try server.rest() == [])
                server.close()
                _ = try client.program.errors.line(
                    with: "is gone: closed by the peer; trying again")
            }
        }
    }

    @Test(
        "A signal while it waits ends it: with 0, or with 1 where input waits", arguments: [0, 1])
    func signalWhileWaiting(code: Int32) throws {
        try withEchoClient("127.0.0.1:\(try unusedPort())", ["--reconnect"]) { client in
            let lost = try client.program.errors.line()
            #expect(lost.hasSuffix("; trying again"))
            if code == 1 {
                // More than the pipe holds, so that some of it was taken out and kept.
                try client.input.write([UInt8](repeating: 0x61, count: 256 << 10))
            }
            client.program.send(SIGTERM)
            #expect(try client.program.ending() == .code(code))
            let text = try client.program.errorText()
            #expect(text == (code == 0 ? "" : "echo-client: some input was not sent\n"))
        }
    }

    // MARK: Signals

    @Test("A signal ends it with 0 when what was typed has left", arguments: [SIGINT, SIGTERM])
    func signal(signal: Int32) throws {
        let listener = try RawListener()
        try withEchoClient(listener.endpoint) { client in
            let server = try listener.accept()
            try client.input.write("last words")
            #expect(try server.text(like: "last words") == "last words")
            client.program.send(signal)
            #expect(try server.rest() == [])
            server.close()
            #expect(try client.program.ending() == .code(0))
            #expect(try client.program.errorText() == "")
        }
    }

    @Test("Ctrl-C at its terminal ends it with 0")
    func controlC() throws {
        try withEchoServer(["--quiet"]) { server in
            try withEchoClient(server.endpoint, on: .terminal) { client in
                try client.input.write("hello\n")
                for _ in 1...2 { #expect(try client.output.line() == "hello") }
                try client.input.write("\u{3}")
                #expect(try client.program.ending() == .code(0))
                #expect(try client.program.errorText() == "")
            }
        }
    }

    @Test("A signal while it connects ends it with 0", arguments: [SIGINT, SIGTERM])
    func signalWhileConnecting(signal: Int32) throws {
        try RawListener.withFullBacklog { listener in
            try withEchoClient(listener.endpoint, ["--timeout", "3600"]) { client in
                try wait(for: "a handler for the signal") {
                    try client.program.catches(SIGINT) && client.program.catches(SIGTERM)
                }
                client.program.send(signal)
                #expect(try client.program.ending() == .code(0))
            }
        }
    }

    @Test(
        "A second signal ends it at once, though the server takes nothing",
        arguments: [
            SIGINT, SIGTERM,
        ])
    func secondSignal(signal: Int32) throws {
        let listener = try RawListener()
        let command = ["echo-client", listener.endpoint]
        try withProgram(command, input: .file("/dev/zero")) { client in
            // It never reads on, so that what is queued in the client never leaves.
            let server = try listener.accept()
            _ = try server.bytes(1)
            try server.waitUntilFull()
            client.send(signal)
            try client.sendAgain(signal)
            #expect(try client.ending() == .code(128 + signal))
            // It must not take what it got for the whole.
            #expect(throws: SystemFailure.self) { _ = try server.rest() }
            server.close()
        }
    }

    @Test(
        "More signals end it at once, though nobody reads its output",
        arguments: [SIGINT, SIGTERM])
    func signalsWhileOutputIsBlocked(signal: Int32) throws {
        let listener = try RawListener()
        try withEchoClient(listener.endpoint) { client in
            let server = try listener.accept()
            try server.write([UInt8](repeating: 0x61, count: 512 * 1024))
            #expect(try client.output.bytes(1) == [0x61])
            client.program.send(signal)
            #expect(try server.rest() == [])
            server.close()
            // It has finished with the server; what is left is its output.
            try wait(for: "the end of the connection") { try !client.program.hasSockets() }
            #expect(client.program.isRunning)
            // Again and again, for one may come just as the program passes from one wait to the next.
            try wait(for: "the end, after more signals") {
                client.program.send(signal)
                return !client.program.isRunning
            }
        }
    }
}

extension Program {
    /// Sends a signal when the one that was sent before has been taken, and again for as long as
    /// it is only pending: a signal that is pending already is not counted twice.
    ///
    /// Thread Sanitizer, too, keeps a signal that comes while a program computes, and then takes no
    /// other for it: there it is sent until the program ends.
    func sendAgain(_ signal: Int32) throws {
        try wait(for: "the first signal to be taken") {
            try !isRunning || !isPending(signal)
        }
        send(signal)
        guard isSanitized else { return }
        try wait(for: "the second signal to be taken") {
            send(signal)
            return !isRunning
        }
    }
}
