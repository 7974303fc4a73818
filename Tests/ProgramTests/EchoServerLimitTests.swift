import Foundation
import Testing

/// A limit that ends a client who does nothing wrong but wait.
struct TimedEnd: CustomTestStringConvertible, Sendable {
    let options: [String]
    /// What the client sends.
    let sent: String
    let reason: String

    var testDescription: String { options.joined(separator: " ") }
}

@Suite("echo-server's limits", .ownThreads, .timeLimit(.minutes(3)))
struct EchoServerLimitTests {
    // MARK: How long

    @Test(
        "A client whose time is over is closed then, and not before",
        arguments: [
            TimedEnd(options: ["--idle-timeout", "0.3"], sent: "hello\n", reason: "idle"),
            TimedEnd(
                options: ["--first-message-timeout", "0.3", "--framing", "lines"], sent: "half",
                reason: "no message came in time"),
            TimedEnd(
                options: ["--max-lifetime", "0.3"], sent: "hello\n",
                reason: "its maximum lifetime was reached"),
        ])
    func timedEnd(end: TimedEnd) throws {
        try withEchoServer(end.options) { server in
            let began = ContinuousClock.now
            let client = try server.connect()
            try client.write(end.sent)
            _ = try client.rest()
            #expect(ContinuousClock.now - began > .milliseconds(290))
            client.close()
            let line = try server.output.line { $0.hasPrefix("[1] ") && $0.contains(" gone: ") }
            #expect(line.hasSuffix(" gone: \(end.reason)"))
        }
    }

    @Test("A client that has said its first message stays, whatever that was allowed to take")
    func firstMessage() throws {
        try withEchoServer(["--first-message-timeout", "0.3", "--idle-timeout", "1"]) { server in
            let began = ContinuousClock.now
            let client = try server.connectAndEcho()
            #expect(try client.rest() == [])
            #expect(ContinuousClock.now - began > .milliseconds(990))
            _ = try server.output.line { $0.hasSuffix(" gone: idle") }
        }
    }

    // MARK: Who comes in

    @Test(
        "Who is not to come in is closed, is no client, and is counted",
        arguments: [
            ["--deny", "127.0.0.0/8"],
            ["--deny", "10.0.0.0/8", "--deny", "127.0.0.1"],
            ["--allow", "10.0.0.0/8", "--allow", "::/0"],
            ["--allow", "127.0.0.0/8", "--deny", "127.0.0.1/32"],
        ])
    func denied(options: [String]) throws {
        try withEchoServer(["--quiet", "--console"] + options) { server in
            #expect(try server.connect().rest() == [])
            let stats = try server.stats()
            #expect(stats["denied"] == 1)
            #expect(stats["refused"] == 1)
            #expect(stats["accepted"] == 0)
        }
    }

    @Test(
        "Who is to come in does",
        arguments: [
            ["--deny", "10.0.0.0/8"],
            ["--allow", "10.0.0.0/8", "--allow", "127.0.0.1"],
        ])
    func allowed(options: [String]) throws {
        try withEchoServer(options) { try $0.connectAndEcho().close() }
    }

    @Test("More from one address than may be are refused until one leaves")
    func perAddress() throws {
        try withEchoServer(["--quiet", "--console", "--max-per-address", "1"]) { server in
            let first = try server.connectAndEcho()
            #expect(try server.connect().rest() == [])
            #expect(try server.stats()["too many from one address"] == 1)
            first.close()
            try server.waitForClients(0)
            try server.connectAndEcho().close()
        }
    }

    @Test("Full, it closes those who come, where it is to refuse them")
    func refuseWhenFull() throws {
        let options = ["--quiet", "--console", "--max-connections", "1", "--when-full", "refuse"]
        try withEchoServer(options) { server in
            let first = try server.connectAndEcho()
            #expect(try server.connect().rest() == [])
            #expect(try server.stats()["too many clients"] == 1)
            first.close()
            try server.waitForClients(0)
            try server.connectAndEcho().close()
        }
    }

    @Test("Those who come too fast wait, or are refused")
    func acceptsPerSecond() throws {
        let rate = ["--quiet", "--console", "--accepts-per-second", "5"]
        try withEchoServer(rate) { server in
            let began = ContinuousClock.now
            for _ in 1...10 { try server.connectAndEcho().close() }
            #expect(ContinuousClock.now - began > .milliseconds(990))
            #expect(try server.stats()["refused"] == 0)
        }
        try withEchoServer(rate + ["--when-full", "refuse"]) { server in
            let began = ContinuousClock.now
            for _ in 1...100 { try server.connect().close() }
            try wait(for: "all were seen") {
                let stats = try server.stats()
                return stats["accepted"] + stats["refused"] == 100
            }
            let stats = try server.stats()
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            #expect(Double(stats["accepted"]) <= 5 + 5 * seconds)
            #expect(stats["accepted"] >= 5)
            #expect(stats["too many in a second"] == stats["refused"])
        }
    }

    // MARK: What waits for a client

    @Test(
        "A client that does not read what waits for it is ended by the limit that it passes",
        arguments: [
            (["--send-limit", "256k"], "slow receiver"),
            (["--send-limit", "256K", "--slow", "disconnect"], "slow receiver"),
            (["--soft-limit", "64k", "--soft-limit-time", "0.3"], "slow receiver"),
            (["--write-stall-timeout", "0.3"], "stalled"),
            (["--outbound-budget", "1m"], "outbound budget exceeded"),
        ])
    func slowReader(options: [String], kind: String) throws {
        let options = ["--quiet", "--console", "--mode", "broadcast"] + options
        try withEchoServer(options) { server in
            let reader = try server.connect(receiveBuffer: 4096)
            try server.waitForClients(1)
            let sender = try server.connect()
            try sender.write(Pattern.bytes(8 << 20))
            try wait(for: kind) { try server.stats()[kind] == 1 }
            // The sender reads, and stays.
            #expect(try server.stats()["clients"] == 1)
            #expect(try server.stats()["ended"] == 1)
            #expect(throws: SystemFailure.self) { _ = try reader.rest() }
        }
    }

    // MARK: What a client sends

    @Test("Bytes and messages beyond a rate wait for their time, and all come back")
    func rates() throws {
        // A second's worth, and one read, come at once.
        try withEchoServer(["--quiet", "--console", "--bytes-per-second", "128k"]) { server in
            let bytes = Pattern.bytes(320 << 10)
            let time = try timeToEcho(bytes, at: server)
            #expect(time > .milliseconds(990))
        }
        let options = ["--framing", "lines", "--messages-per-second", "10"]
        try withEchoServer(["--quiet", "--console"] + options) { server in
            let lines = Array((1...20).map { "line \($0)\n" }.joined().utf8)
            let time = try timeToEcho(lines, at: server)
            #expect(time > .milliseconds(890))
        }
    }

    /// How long bytes take that are sent at once to come back.
    private func timeToEcho(_ bytes: [UInt8], at server: Server) throws -> Duration {
        let client = try server.connect()
        let began = ContinuousClock.now
        try client.write(bytes)
        let isSame = try client.bytes(bytes.count) == bytes
        let time = ContinuousClock.now - began
        #expect(isSame)
        #expect(try server.stats()["held back by the rate"] > 0)
        return time
    }

    @Test("A message as long as may be comes back, and the client with a longer one is closed")
    func maxFrame() throws {
        try withEchoServer(["--framing", "lines", "--max-frame", "5"]) { server in
            let client = try server.connectAndEcho("12345\n")
            try client.write("123456\n")
            #expect(try client.rest() == [])
            client.close()
            let line = try server.output.line { $0.contains(" gone: ") }
            #expect(line.contains(" 5 bytes"))
        }
    }

    @Test("A handler that takes long is told of")
    func handlerWarning() throws {
        let options = [
            "--console", "--framing", "lines", "--handler-warning", "1", "--watchdog", "0",
        ]
        try withEchoServer(options) { server in
            let client = try server.connect()
            // So many lines in one read take more than a tick of the clock.
            try client.write([UInt8](repeating: 0x0A, count: 64 << 10))
            let warning = try server.program.errors.line()
            #expect(warning.hasPrefix("echo-server: warning: a handler took "))
            _ = try client.bytes(64 << 10)
            client.close()
        }
    }
}
