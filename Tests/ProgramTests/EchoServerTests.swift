import Foundation
import Testing

@Suite("echo-server", .ownThreads, .timeLimit(.minutes(3)))
struct EchoServerTests {
    @Test("Each message is printed with its sender and sent back")
    func echo() throws {
        try withEchoServer { server in
            let client = try server.connectAndEcho("안녕\n")
            let sender = "[1] 127.0.0.1:\(client.localPort)"
            #expect(try server.output.line() == "\(sender) connected")
            #expect(try server.output.line() == "\(sender): 안녕")
            client.close()
            #expect(try server.output.line() == "\(sender) gone: closed by the peer")
            try server.stop()
        }
    }

    @Test("Quiet, it prints only where it listens")
    func quiet() throws {
        try withEchoServer(["--quiet"]) { server in
            try server.connectAndEcho().close()
            try server.stop()
            #expect(try server.output.rest() == [])
        }
    }

    @Test(
        "It serves wherever --listen says, by callbacks and by tasks, and its counts are of all",
        arguments: [[], ["--loops", "2"], ["--api", "async"], ["--api", "borrowed"]])
    func endpoints(options: [String]) throws {
        let name = "@uv\(UInt32.random(in: 0 ... .max))"
        let listen = ["127.0.0.1:0", "unix:\(name)", "[::1]:0"].flatMap { ["--listen", $0] }
        let command = ["echo-server", "--console", "--mode", "broadcast"] + listen + options
        try withProgram(command, input: .pipe) { program in
            let output = try #require(program.output)
            let lines = try (0..<3).map { _ in try output.line() }
            #expect(lines[0].hasPrefix("listening on 127.0.0.1:"))
            #expect(lines[1] == "listening on unix:\(name)")
            #expect(lines[2].hasPrefix("listening on [::1]:"))
            let endpoints = lines.map { String($0.dropFirst("listening on ".count)) }
            try withEchoClient(endpoints[1]) { unix in
                _ = try output.line(with: " connected")
                try withEchoClient(endpoints[2]) { other in
                    _ = try output.line(with: " connected")
                    try withEchoClient(endpoints[0]) { sender in
                        _ = try output.line(with: " connected")
                        try sender.input.write("to all\n")
                        #expect(try unix.output.line() == "to all")
                        #expect(try other.output.line() == "to all")
                        try program.input?.write("stats\n")
                        #expect(try output.line { $0.hasPrefix("clients ") }.contains(" 3 of at"))
                        program.send(SIGTERM)
                        #expect(
                            try output.line { $0.hasPrefix("stopped: ") }
                                == "stopped: 3 clients drained, 0 cut off, 0 bytes lost")
                        #expect(try program.ending() == .code(0))
                    }
                }
            }
        }
    }

    @Test("Where it cannot listen at one of them it says which, and nothing is half-started")
    func oneOfThem() throws {
        let taken = try RawListener()
        try Refusal(
            "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:\(taken.port)",
            words: "bind 127.0.0.1:\(taken.port): ", "(EADDRINUSE)"
        ).check("echo-server", code: 1)
        try Refusal("--listen", "127.0.0.1:0", "--listen", "unix:x", words: "'unix:x'").check(
            "echo-server", code: 64)
    }

    @Test("With --ipv6-only IPv4 clients do not come to ::, and another has their address")
    func ipv6Only() throws {
        try withEchoServer(["--ipv6-only"], host: "::") { server in
            // At 127.0.0.1 another test may have the port: it is taken of IPv6 alone.
            let endpoint = "127.77.5.2:\(server.port)"
            let refused = try run(["echo-client", endpoint])
            #expect(refused.ending == .code(1))
            #expect(refused.errors.contains("(ECONNREFUSED)"))
            try withProgram(["echo-server", "--listen", endpoint]) { other in
                let output = try #require(other.output)
                #expect(try output.line() == "listening on \(endpoint)")
                #expect(try run(["echo-client", endpoint]).ending == .code(0))
                #expect(try output.line().hasSuffix(" connected"))
            }
        }
    }

    @Test("In broadcast mode a message goes to everybody but its sender")
    func broadcast() throws {
        try withEchoServer(["--mode", "broadcast"]) { server in
            let clients = try (1...3).map { _ in try server.connect() }
            for _ in clients { _ = try server.output.line(with: " connected") }
            try clients[0].write("first\n")
            #expect(try clients[1].line() == "first")
            #expect(try clients[2].line() == "first")
            // What the sender gets first is the other's message: its own never came.
            try clients[1].write("second\n")
            #expect(try clients[0].line() == "second")
            #expect(try clients[2].line() == "second")
        }
    }

    @Test(
        "Served on one loop, in whatever way, the process has one thread beside the watchdog's",
        .enabled(if: !isSanitized, "a sanitizer has a thread and descriptors of its own"),
        arguments: ["callback", "async", "borrowed"])
    func thread(api: String) throws {
        try withEchoServer(["--quiet", "--api", api]) { server in
            let client = try server.connectAndEcho("hi\n")
            // The watchdog shares no descriptors, so the system calls of the other are not dearer. A
            // thread that writes the output may still be there for a moment.
            let tasks = "/proc/\(server.program.pid)/task"
            try wait(for: "two threads, one with the standard descriptors alone") {
                let threads = try FileManager.default.contentsOfDirectory(atPath: tasks)
                let others = threads.filter { $0 != "\(server.program.pid)" }.map { thread in
                    try? FileManager.default.contentsOfDirectory(
                        atPath: "\(tasks)/\(thread)/fd")
                }
                return others.map { $0?.sorted() } == [["0", "1", "2"]]
            }
            client.close()
            try server.stop()
        }
    }

    @Test("Two echo-clients have a conversation in broadcast mode")
    func conversation() throws {
        try withEchoServer(["--mode", "broadcast"]) { server in
            try withEchoClient(server.endpoint) { anna in
                try withEchoClient(server.endpoint) { bora in
                    for _ in 1...2 { _ = try server.output.line(with: " connected") }
                    try anna.input.write("밥 먹었어?\n")
                    #expect(try bora.output.line() == "밥 먹었어?")
                    try bora.input.write("응\n")
                    #expect(try anna.output.line() == "응")
                    anna.input.close()
                    #expect(try anna.program.ending() == .code(0))
                    bora.input.close()
                    #expect(try bora.program.ending() == .code(0))
                    #expect(try bora.output.rest() == [])
                }
            }
        }
    }

    @Test(
        "What a stranger sends comes back as it is and is printed harmlessly",
        arguments: [
            (Array("\u{1B}]0;title\u{7}\u{1B}[2J\n".utf8), #"\u{1b}]0;title\u{7}\u{1b}[2J"#),
            (Array("a\r[2] 127.0.0.1:1: fake\nb\n".utf8), #"a\r[2] 127.0.0.1:1: fake\nb"#),
            ([0x61, 0x00, 0xFF, 0xFE, 0x0A], "a\\u{0}\u{FFFD}\u{FFFD}"),
            // The 8-bit control characters, as UTF-8 and bare.
            ([0xC2, 0x9B, 0x33, 0x31, 0x6D, 0x9B, 0x0A], "\\u{9b}31m\u{FFFD}"),
            (Array("\u{202E}txt.exe\u{2028}\n".utf8), #"\u{202e}txt.exe\u{2028}"#),
        ])
    func harmless(bytes: [UInt8], shown: String) throws {
        try withEchoServer { server in
            let client = try server.connect()
            try client.write(bytes)
            #expect(try client.bytes(bytes.count) == bytes)
            _ = try server.output.line(with: "connected")
            #expect(
                try server.output.line() == "[1] 127.0.0.1:\(client.localPort): \(shown)")
            client.close()
            try server.stop()
            let rest = try server.output.rest()
            #expect(rest.allSatisfy { $0 >= 0x20 || $0 == 0x0A })
        }
    }

    @Test("Of clients beyond the limit one is served when another leaves")
    func maxConnections() throws {
        try withEchoServer(["--max-connections", "2", "--console"]) { server in
            let first = try server.connectAndEcho()
            let second = try server.connectAndEcho()
            let third = try server.connect()
            try third.write("third\n")
            // The server has had every occasion to serve it.
            for _ in 1...20 {
                try second.write("x")
                #expect(try second.bytes(1) == [UInt8(ascii: "x")])
            }
            #expect(!third.isReadable)
            #expect(try server.stats().text("clients") == "2 of at most 2")
            first.close()
            #expect(try third.line() == "third")
            second.close()
        }
    }

    @Test("A limit above what the descriptors allow is lowered with a warning, and it serves")
    func loweredLimit() throws {
        let shell = ["sh", "-c", "ulimit -n 200; exec \"$0\" \"$@\""]
        try withEchoServer(["--max-connections", "5000", "--console"], through: shell) { server in
            _ = try server.connectAndEcho()
            let clients = try server.stats().text("clients")
            let limit = clients?.split(separator: " ").last.flatMap { Int($0) }
            #expect(try #require(limit) < 200)
            let warning = try server.program.errors.line()
            for word in ["echo-server: warning: ", "5000", "\(try #require(limit))", "200"] {
                #expect(warning.contains(word))
            }
        }
    }

    @Test("More clients than the lowered limit are all served, one after the other")
    func crowdAtLoweredLimit() throws {
        let shell = ["sh", "-c", "ulimit -n 80; exec \"$0\" \"$@\""]
        try withEchoServer(["--quiet"], through: shell) { server in
            var clients = try (0..<100).map { _ in try server.connect() }
            for client in clients { try client.write("hello\n") }
            while !clients.isEmpty {
                #expect(try clients.removeFirst().line() == "hello")
            }
            try server.stop()
        }
    }

    @Test("By default it listens on every address", .enabled(if: hasIPv6, "needs IPv6"))
    func everyAddress() throws {
        try withEchoServer(host: nil) { server in
            #expect(server.endpoint == "[::]:\(server.port)")
            let client = try server.connectAndEcho()
            let connected = try server.output.line()
            #expect(connected == "[1] 127.0.0.1:\(client.localPort) connected")
            try withEchoClient("[::1]:\(server.port)") { client in
                try client.input.write("six\n")
                #expect(try client.output.line() == "six")
            }
            _ = try server.output.line { $0.hasPrefix("[2] [::1]:") && $0.hasSuffix(": six") }
        }
    }

    @Test("A name of this machine will do, too")
    func name() throws {
        try withEchoServer(host: "localhost") { server in
            try withEchoClient("localhost:\(server.port)") { client in
                try client.input.write("hello\n")
                #expect(try client.output.line() == "hello")
            }
        }
    }

    @Test("Where the machine has no IPv6 it listens on every IPv4 address")
    func noIPv6() throws {
        try withTemporaryFolder { folder in
            let source = """
                #include <dlfcn.h>
                #include <errno.h>
                #include <sys/socket.h>
                int socket(int domain, int type, int protocol) {
                    if (domain == AF_INET6) { errno = EAFNOSUPPORT; return -1; }
                    int (*next)(int, int, int) = dlsym(RTLD_NEXT, "socket");
                    return next(domain, type, protocol);
                }
                """
            try source.write(toFile: folder + "/shim.c", atomically: true, encoding: .utf8)
            let library = folder + "/shim.so"
            let built = try run([
                "clang", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, folder + "/shim.c",
            ])
            #expect(built.ending == .code(0), "\(built.errors)")
            try withEchoServer(host: nil, environment: ["LD_PRELOAD": library]) { server in
                #expect(server.endpoint == "0.0.0.0:\(server.port)")
                try server.connectAndEcho().close()
                try server.stop()
            }
        }
    }
}

/// Whether this machine's loopback has an IPv6 address.
private let hasIPv6 =
    (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))?.contains(" lo") ?? false
