import Foundation
import Logging
import Testing

@testable import UVSockets
@testable import UVSocketsAdmin

@Suite("The admin socket", .ownThreads, .timeLimit(.minutes(2)))
struct AdminTests {

    @Test("Commands that come together are answered in order, also behind the end of the input")
    func pipelined() async throws {
        try await withAdmin { _, _, one in
            try one.send("list\r\n\n  \nnonsense\nkick 7\nlo")
            try one.send("ops\nstats")
            try one.finish()
            #expect(try one.answer() == ["no clients"])
            #expect(try one.answer() == ["'nonsense' is not a command; type help"])
            #expect(try one.answer() == ["there is no client 7"])
            #expect(try one.answer().count == 3)
            #expect(try one.answer().first?.hasPrefix("clients ") == true)
            #expect(try one.rest() == "")
        }
    }

    @Test("Each line that is wrong is answered by one that says what would be right")
    func wrong() async throws {
        try await withAdmin { _, _, one in
            for (line, answer) in [
                ("kick", "kick needs a client's id, a number; type list to see the ids"),
                ("kick 1 2", "kick needs a client's id, a number; type list to see the ids"),
                ("show me", "show needs a client's id, a number; type list to see the ids"),
                ("list by size", "list by takes rate, queued or age"),
                ("list 0", "it is: list [by rate|queued|age] [N]"),
                ("list 1001", "it is: list [by rate|queued|age] [N]"),
                ("list 1 2", "it is: list [by rate|queued|age] [N]"),
                ("stats now", "stats takes nothing behind it"),
                ("broadcast  ", "it is: broadcast TEXT"),
                ("drain -1", "it is: drain [SECONDS]"),
                ("set", "it is: set LIMIT VALUE"),
                ("set idle-timeout", "idle-timeout takes seconds, above 0"),
                ("set idle-timeout 0", "idle-timeout takes seconds, above 0"),
                ("set idle-timeout 1e3", "idle-timeout takes seconds, above 0"),
                ("set send-limit none", "send-limit takes a size from 1 to 1024g"),
                ("set max-connections 0", "max-connections takes a number from 1"),
                ("set sendlimit 1", "set takes one of these limits: max-connections, "),
                ("log-level loud", "the log handler of this server has a fixed level"),
                ("\u{1B}[2J\u{7}", #"'\u{1b}[2J\u{7}' is not a command; type help"#),
            ] {
                let answers = try one.ask(line)
                #expect(answers.count == 1)
                #expect(answers[0].hasPrefix(answer), "\(answers)")
            }
            try one.send([0xFF, 0xC3, 0x28, 0x00, 0x0A])
            #expect(try one.answer()[0].hasSuffix("is not valid UTF-8; type help"))
            try one.send(String(repeating: "x", count: 5000))
            #expect(
                try one.rest() == "line too long: a command has at most 4096 bytes\n\n")
        }
    }

    /// Commands that stop the server, write a file, or take their time.
    private static let lasting = ["watch", "drain", "tap", "dump", "profile", "trace"]

    @Test(
        "Whatever lines come, each has one answer, and nothing in it garbles a terminal",
        arguments: 1...5)
    func fuzz(seed: Int) async throws {
        try await withAdmin { _, _, one in
            var random = SplitMix64(seed: UInt64(seed))
            let words =
                AdminCommand.all.map(\.name).filter { !Self.lasting.contains($0) }
                + ["by", "rate", "bad", "none", "1", "-1", "99999999999999999999", "idle-timeout"]
            for _ in 0..<200 {
                var line: [UInt8] = []
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    line += Array((words.randomElement(using: &random) ?? "").utf8) + [0x20]
                    if Int.random(in: 0..<4, using: &random) == 0 {
                        line.append(UInt8.random(in: 0 ... .max, using: &random))
                    }
                }
                line.removeAll { $0 == 0x0A || $0 == 0x0D }
                // Otherwise it would stop the server, or not end by itself.
                if line.starts(with: Array("drain".utf8)) { continue }
                try one.send(line + [0x0A])
                let answer = try one.answer()
                let isHarmless = answer.joined().unicodeScalars.allSatisfy {
                    $0.value >= 0x20 && $0.value != 0x7F
                }
                #expect(isHarmless, "\(answer)")
            }
            #expect(try one.ask("list") == ["no clients"])
        }
    }

    @Test("It looks at clients: list, show, recorder, ended, loops, stats")
    func looks() async throws {
        try await withAdmin { server, _, one in
            let (first, arrival) = try server.arrive()
            let id = arrival.id
            let address = first.local
            #expect(try first.exchange(Array("hello\n".utf8)) == Array("hello\n".utf8))
            let listed = try one.ask("list")
            #expect(listed.count == 1)
            #expect(listed[0].hasPrefix("\(id) \(first.local) "))
            #expect(listed[0].hasSuffix(" s, 6 bytes in, 6 bytes out, 0 bytes queued"))
            let shown = try one.ask("show \(id)")
            #expect(shown[0] == "client: \(id)")
            #expect(shown.contains("loop: \(arrival.loop)"))
            #expect(shown.contains("received: 6 bytes, 1 messages"))
            #expect(shown.contains("receiving: yes"))
            #expect(shown.contains("framing: LineCodec, messages of at most 1048576 bytes"))
            #expect(shown.last?.hasSuffix("sent 6 bytes") == true)
            #expect(try one.ask("recorder \(id)").count == 3)
            #expect(try one.ask("recorder").contains { $0.contains("client \(id): ") })
            #expect(try one.ask("ended") == ["no such client has ended"])
            let loops = try one.ask("loops")
            #expect(loops[arrival.loop].hasPrefix("loop \(arrival.loop): 1 clients, "))
            #expect(try one.ask("kick \(id)") == ["kicked \(id)"])
            first.close()
            try server.ended.wait(for: 1)
            let ended = try one.ask("ended")
            #expect(ended.first?.hasPrefix("\(id) \(address) kicked, ") == true, "\(ended)")
            #expect(try one.ask("ended kicked 1").count == 1)
            #expect(try one.ask("ended bad") == ["no such client has ended"])
            #expect(try one.ask("ended 3").count == 1)
            #expect(try one.ask("show \(id)") == ["there is no client \(id)"])
            #expect(
                try one.ask("stats").contains { $0.hasPrefix("bytes in") && $0.hasSuffix(" 6") })
        }
    }

    @Test("list has the first of an order, and says how many more there are")
    func ordered() async throws {
        try await withAdmin { server, _, one in
            let peers = try (1...60).map { _ in try server.arrive() }
            for (number, (peer, _)) in peers.enumerated() where number % 10 == 0 {
                let line = pattern(100 * (number + 1)).map { $0 | 0x20 } + [0x0A]
                #expect(try peer.exchange(line) == line)
            }
            let listed = try one.ask("list")
            #expect(listed.count == 51)
            #expect(listed.last == "… and 10 more")
            let ids = listed.dropLast().compactMap { Int($0.prefix { $0 != " " }) }
            #expect(ids == Array(ids.sorted()))
            let busiest = try one.ask("list by rate 1")
            #expect(busiest.count == 2)
            #expect(busiest[0].hasPrefix("\(peers[50].arrival.id) "))
            #expect(busiest[1] == "… and 59 more")
            #expect(try one.ask("list by age 1000").count == 60)
            #expect(try one.ask("list by queued 60").count == 60)
        }
    }

    @Test("When every loop is blocked it answers at once, names them, and does nothing later")
    func blocked() async throws {
        try await withAdmin(framing: .raw) {
            $0.answerTime = .milliseconds(50)
        } _: { server, admin, one in
            let (peer, arrival) = try server.arrive()
            try withBlockedLoops(server.remote) {
                let began = ContinuousClock.now
                let answers = try one.ask("stats")
                // The loops have 50 ms; the rest is for a busy machine.
                #expect(ContinuousClock.now - began < .seconds(2))
                for loop in 0..<3 {
                    #expect(
                        answers[loop].hasPrefix(
                            "loop \(loop) does not answer: a submitted closure runs, "),
                        "\(answers)")
                }
                #expect(
                    try one.ask("kick \(arrival.id)").last
                        == "client \(arrival.id) is not kicked")
                #expect(try one.ask("show \(arrival.id)").last?.contains("connected") == true)
                #expect(try one.ask("recorder \(arrival.id)").count == 1)
                #expect(try one.ask("loops").allSatisfy { $0.contains("does not answer") })
                // However often it is asked, a loop has one question of a kind.
                for _ in 0..<10 { _ = try one.ask("list") }
                for loop in server.remote.loops { #expect(loop.submissionsWaiting <= 5) }
                #expect(try one.ask("help").count == AdminCommand.all.count)
            }
            #expect(try peer.exchange([1]) == [1], "it was not kicked")
            try until { try one.ask("loops").allSatisfy { !$0.contains("does not answer") } }
            try until { try one.ask("list").count == 1 }
        }
    }

    @Test("The level decides: over TCP one only looks")
    func levels() async throws {
        try await withGroup { server in
            let admin = try UVAdmin(at: "127.0.0.1:0", for: server.remote)
            let one = try Operator(at: admin.endpoint)
            #expect(try one.ask("list") == ["no clients"])
            #expect(try one.ask("kick 1") == ["kick needs the level operator, and yours is user"])
            #expect(
                try one.ask("set idle-timeout 1")
                    == ["set needs the level admin, and yours is user"])
            var options = UVAdmin.Options()
            options.tcpLevel = .operator
            let other = try UVAdmin(at: "localhost:0", for: server.remote, options: options)
            let two = try Operator(at: other.endpoint)
            #expect(try two.ask("kick 1") == ["there is no client 1"])
            #expect(try two.ask("log-level")[0].hasPrefix("log-level needs the level admin"))
            let error = #expect(throws: UVError.self) {
                _ = try UVAdmin(at: "0.0.0.0:0", for: server.remote)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("A user without a level is turned away")
    func strangers() throws {
        let levels: [UInt32: UVAdmin.Level] = [1000: .operator]
        func level(_ uid: UInt32) -> UVAdmin.Level? {
            let peer = UVEndpoint(kind: .process(UVPeerCredentials(pid: 1, uid: uid, gid: 0)))
            return AdminListener.level(of: peer, levels)
        }
        #expect(level(0) == .admin)
        #expect(level(getuid()) == .admin)
        #expect(level(1000) == .operator)
        #expect(level(1001) == nil)
        #expect(AdminListener.level(of: "127.0.0.1:1", levels) == nil)
    }

    @Test("The seventeenth operator is told that there are too many")
    func tooMany() async throws {
        try await withAdmin { _, admin, one in
            #expect(try one.ask("list") == ["no clients"])
            let others = try (0..<15).map { _ in try Operator(at: admin.endpoint) }
            for other in others { #expect(try other.ask("list") == ["no clients"]) }
            let last = try Operator(at: admin.endpoint)
            #expect(try last.rest() == "too many operators\n\n")
        }
    }

    @Test("One who does not read what he asked for is held, and others are answered")
    func slowReader() async throws {
        try await withAdmin { _, admin, one in
            try one.send(String(repeating: "metrics\n", count: 2000))
            let other = try Operator(at: admin.endpoint)
            for _ in 0..<20 { #expect(try other.ask("list") == ["no clients"]) }
            // He gets all of it when he reads.
            var count = 0
            while count < 2000 {
                #expect(try one.answer().count > 50)
                count += 1
            }
        }
    }
}

/// Waits until a condition holds that nobody tells of: it looks 200 times a second.
func until(_ condition: () throws -> Bool) throws {
    let end = Date(timeIntervalSinceNow: patience)
    while try !condition() {
        guard Date() < end else { throw TimedOut("a condition") }
        Thread.sleep(forTimeInterval: 0.005)
    }
}
