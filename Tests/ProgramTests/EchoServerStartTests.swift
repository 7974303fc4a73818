import Foundation
import Testing

/// What is wrong with a command line, and the words that must say so.
struct Refusal: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    let words: [String]

    init(_ arguments: String..., words: String...) {
        self.arguments = arguments
        self.words = words
    }

    var testDescription: String { arguments.joined(separator: " ") }

    /// Checks that a program ends with one line that has the words, having done nothing.
    func check(
        _ program: String, through wrapper: [String] = [], code: Int32? = nil
    ) throws {
        let path = wrapper.isEmpty ? program : "\(Built.folder)/\(program)"
        let outcome = try run(
            wrapper + [path] + arguments, environment: ["RES_OPTIONS": "timeout:1 attempts:1"])
        #expect(outcome.ending != .code(0))
        if let code { #expect(outcome.ending == .code(code)) }
        guard case .code = outcome.ending else {
            Issue.record("it crashed: \(outcome.ending)")
            return
        }
        #expect(outcome.output == "")
        #expect(outcome.errors.hasPrefix("\(program): "))
        #expect(outcome.errors.isOneLine)
        for word in words {
            #expect(outcome.errors.contains(word), "'\(word)' in '\(outcome.errors)'")
        }
    }
}

@Suite("Starting echo-server", .ownThreads, .timeLimit(.minutes(3)))
struct EchoServerStartTests {
    // A sanitizer needs more of them itself.
    @Test(
        "Where there are no descriptors for it, it says so", .enabled(if: !isSanitized),
        arguments: 4...18,
        [
            Refusal("--port", "0", words: "make loop", "EMFILE"),
            Refusal("--port", "0", "--loops", "2", words: "make loop", "EMFILE"),
            Refusal("--port", "0", "--api", "async", words: "make loop", "EMFILE"),
        ])
    func noDescriptors(limit: Int, refusal: Refusal) throws {
        let shell = ["sh", "-c", "ulimit -n \(limit); exec \"$0\" \"$@\""]
        try refusal.check("echo-server", through: shell, code: 1)
    }

    @Test(
        "Bad input gets one clear line, and nothing is half-started",
        arguments: [
            Refusal("--port", "65536", words: "65536", "0 to 65535"),
            Refusal("--port", "-1", words: "--port", "0 to 65535"),
            Refusal("--port=-1", words: "-1", "0 to 65535"),
            Refusal("--port", "-0", words: "--port", "0 to 65535"),
            Refusal("--port", "+1", words: "--port", "0 to 65535"),
            Refusal("--port", "echo", words: "echo", "0 to 65535"),
            Refusal("--port", "", words: "0 to 65535"),
            Refusal("--port", words: "--port"),
            Refusal("--backlog", "0", words: "--backlog", "at least 1"),
            Refusal("--max-connections", "0", words: "--max-connections", "at least 1"),
            Refusal("--max-connections", "many", words: "many"),
            Refusal("--mode", "shout", words: "shout", "echo", "broadcast"),
            Refusal("--log-level", "loud", words: "loud", "trace", "critical"),
            Refusal("--no-such-option", words: "--no-such-option"),
            Refusal("8081", words: "8081"),
            Refusal("--host", "", "--port", "0", words: "host"),
            Refusal("--host", "nosuch.invalid", words: "nosuch.invalid", "(EAI_"),
            Refusal(
                "--host", "192.0.2.77", "--port", "0", words: "bind", "192.0.2.77:0",
                "(EADDRNOTAVAIL)"),
        ])
    func badInput(refusal: Refusal) throws {
        try refusal.check("echo-server")
    }

    @Test(
        "A limit that is none is refused as bad usage, with what would do",
        arguments: [
            Refusal("--max-per-address", "0", words: "--max-per-address", "at least 1"),
            Refusal("--accepts-per-second", "-1", words: "'-1'", "at least 1"),
            Refusal("--messages-per-second", "few", words: "few", "at least 1"),
            Refusal("--max-per-address", "+1", words: "'+1'", "at least 1"),
            Refusal("--backlog", "99999999999999999999", words: "--backlog", "at least 1"),
            Refusal("--recorded-events", "-1", words: "--recorded-events", "0 to 16777216"),
            Refusal("--recorded-events", "16777217", words: "--recorded-events", "0 to 16777216"),
            Refusal("--loops", "0", words: "--loops", "1 to 1024"),
            Refusal("--loops", "1025", words: "--loops", "1 to 1024"),
            Refusal("--loops", "9223372036854775807", words: "--loops", "1 to 1024"),
            Refusal("--framing", "fixed:0", words: "--framing", "fixed:BYTES"),
            Refusal("--framing", "fixed:+4", words: "--framing", "fixed:BYTES"),
            Refusal("--framing", "fixed:1048577", words: "--framing", "fixed:BYTES"),
            Refusal("--drain-time", "nan", words: "--drain-time", "seconds"),
            Refusal("--idle-timeout", "0.0000000000000000000001", words: "above 0"),
            Refusal("--handler-warning", "0.5", words: "0.5", "at least 1"),
            Refusal("--allow", "10.0.0.1/8", words: "--allow", "10.0.0.0/8?"),
            Refusal("--deny", "everybody", words: "everybody", "neither an IPv4 nor an IPv6"),
            Refusal("--deny", "10.0.0.0/33", words: "--deny", "0 to 32"),
            Refusal("--when-full", "panic", words: "panic", "hold", "refuse"),
            Refusal("--idle-timeout", "soon", words: "soon", "seconds", "0.5"),
            Refusal("--idle-timeout", "0", words: "--idle-timeout", "above 0", "none"),
            Refusal("--first-message-timeout", "inf", words: "inf", "above 0"),
            Refusal("--max-lifetime", "-5", words: "'-5'", "above 0"),
            Refusal("--write-stall-timeout", "1e3", words: "1e3", "above 0"),
            Refusal("--soft-limit-time", "31536001", words: "at most 31536000"),
            Refusal("--soft-limit", "1m", words: "--soft-limit-time"),
            Refusal("--send-limit", "64kb", words: "64kb", "64k or 1m"),
            Refusal("--send-limit", "0", words: "--send-limit", "from 1"),
            Refusal("--outbound-budget", "k", words: "--outbound-budget", "64k or 1m"),
            Refusal("--bytes-per-second", "9999999999g", words: "1024g"),
            Refusal("--max-frame", "1k", words: "--max-frame", "--framing"),
            Refusal("--framing", "fixed:9", "--max-frame", "1k", words: "--max-frame"),
            Refusal("--slow", "skip", words: "--slow", "--mode broadcast"),
            Refusal("--slow", "kick", words: "kick", "disconnect", "keep-latest", "wait"),
            Refusal("--drain-time", "-1", words: "--drain-time", "'-1'", "seconds"),
            Refusal(
                "--framing", "lines", "--goodbye", "two\nlines",
                words: "--goodbye", "cannot be sent"),
            Refusal("--framing", "fixed:4", "--goodbye", "long one", words: "--goodbye"),
        ])
    func badLimit(refusal: Refusal) throws {
        try refusal.check("echo-server", code: 64)
    }

    @Test("A port that is taken is named, with what was being done and libuv's code")
    func portInUse() throws {
        let taken = try RawListener()
        try Refusal(
            "--host", "127.0.0.1", "--port", "\(taken.port)",
            words: "bind 127.0.0.1:\(taken.port): ", "address already in use", "(EADDRINUSE)"
        ).check("echo-server")
        // Found by way of a name, too.
        try Refusal(
            "--host", "localhost", "--port", "\(taken.port)",
            words: "bind 127.0.0.1:\(taken.port): ", "(EADDRINUSE)"
        ).check("echo-server")
    }

    @Test("A second server on the same port is refused, and the first goes on")
    func twoServers() throws {
        try withEchoServer { server in
            try Refusal(
                "--host", "127.0.0.1", "--port", "\(server.port)", words: "bind", "(EADDRINUSE)"
            ).check("echo-server")
            _ = try server.connectAndEcho()
        }
    }

    @Test("Another starts on the port as soon as the first has ended")
    func portAgain() throws {
        try withEchoServer { first in
            let client = try first.connectAndEcho()
            first.program.send(SIGTERM)
            #expect(try client.rest() == [])  // The server closes first: TIME_WAIT is its side's.
            client.close()
            #expect(try first.program.ending() == .code(0))
            let command = ["echo-server", "--host", "127.0.0.1", "--port", "\(first.port)"]
            try withProgram(command) { second in
                let output = try #require(second.output)
                #expect(try output.line() == "listening on \(first.endpoint)")
            }
        }
    }

    @Test(
        "A privileged port is refused to who lacks the privilege",
        .enabled(if: unprivilegedPortStart > 80, "port 80 is for everybody on this machine"),
        .enabled(if: getuid() != 0 || canDropPrivilege, "setpriv cannot drop the privilege"))
    func privilegedPort() throws {
        let refusal = Refusal(
            "--host", "127.0.0.1", "--port", "80", words: "bind 127.0.0.1:80: ",
            "permission denied",
            "(EACCES)")
        try refusal.check("echo-server", through: getuid() == 0 ? dropPrivilege : [])
    }

    @Test("Help and the options it lists", arguments: ["echo-server", "echo-client"])
    func help(program: String) throws {
        let outcome = try run([program, "--help"])
        #expect(outcome.ending == .code(0))
        #expect(outcome.errors == "")
        let options =
            program == "echo-server"
            ? [
                "--host", "--port", "--backlog", "--max-connections", "--mode", "--quiet",
                "--console", "--log-level", "8081", "--max-per-address", "--accepts-per-second",
                "--allow", "--deny", "--when-full", "--idle-timeout", "--first-message-timeout",
                "--max-lifetime", "--send-limit", "--soft-limit", "--soft-limit-time",
                "--write-stall-timeout", "--outbound-budget", "--bytes-per-second",
                "--messages-per-second", "--max-frame", "--handler-warning", "--drain-time",
                "--goodbye", "--slow", "--recorded-events", "--watchdog", "--admin",
                "--metrics", "(default: 16m)",
                "(default: 30)",
                "(default: none)",
            ] : ["<server>", "--timeout", "localhost:8081"]
        for option in options { #expect(outcome.output.contains(option)) }
    }
}

/// The first port that is for everybody.
private let unprivilegedPortStart: Int = {
    let path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 1024
}()

/// Starts a program without the right to privileged ports. It stays root otherwise, so that it can
/// read a build folder in a home directory.
private let dropPrivilege = ["setpriv", "--bounding-set=-net_bind_service", "--"]

private let canDropPrivilege = (try? run(dropPrivilege + ["true"]).ending) == .code(0)
