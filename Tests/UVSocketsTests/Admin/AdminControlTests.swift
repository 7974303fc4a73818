import Foundation
import Logging
import Testing

@testable import UVSockets
@testable import UVSocketsAdmin

@Suite("What an operator changes", .ownThreads, .timeLimit(.minutes(2)))
struct AdminControlTests {
    @Test("Limits change for clients that are there and for those that come")
    func set() async throws {
        try await withAdmin { server, _, one in
            #expect(try one.ask("set max-connections 2") == ["max-connections 2"])
            let (first, _) = try server.arrive()
            let (second, _) = try server.arrive()
            let third = try server.connect()
            try third.send("late\n")
            #expect(try one.ask("list").count == 2)
            #expect(try one.ask("set max-connections 3") == ["max-connections 3"])
            #expect(try third.receive(5) == Array("late\n".utf8))
            let limits = try one.ask("limits")
            #expect(limits.contains { $0.hasPrefix("max-connections 3, ") })
            #expect(limits.contains { $0.hasPrefix("idle-timeout none, ") })
            #expect(try one.ask("set idle-timeout 0.3") == ["idle-timeout 0.3"])
            for peer in [first, second, third] {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
            #expect(try server.ended.wait(for: 3).allSatisfy { $0.reason == .idle })
            let (fourth, _) = try server.arrive()
            #expect(try fourth.receiveToEnd() == [])
            fourth.close()
            #expect(try one.ask("set idle-timeout none") == ["idle-timeout none"])
            #expect(try one.ask("set outbound-budget 3m") == ["outbound-budget 3m"])
            #expect(try one.ask("set messages-per-second 10") == ["messages-per-second 10"])
            let (fifth, _) = try server.arrive()
            let lines = Array(String(repeating: "a\n", count: 15).utf8)
            #expect(try fifth.exchange(lines) == lines)
            #expect(try one.ask("stats").contains { $0.hasPrefix("held back by the rate") })
        }
    }

    @Test("watch says a line a second, until something is sent")
    func watch() async throws {
        try await withAdmin { server, _, one in
            let peer = try server.arrive().peer
            try one.send("watch\n")
            #expect(
                try one.line()
                    == "1 clients, 0 came, 0 went, 0 messages in, 0 bytes in, 0 bytes out, 0 bytes queued"
            )
            #expect(try peer.exchange(Array("hello\n".utf8)).count == 6)
            #expect(
                try one.line()
                    == "1 clients, 0 came, 0 went, 1 messages in, 6 bytes in, 6 bytes out, 0 bytes queued"
            )
            try one.send("\n")
            #expect(try one.answer() == [])
            try one.send("watch\n")
            _ = try one.line()
            try one.send("list\n")
            #expect(try one.answer() == [])
            #expect(try one.answer().count == 1)
        }
    }

    @Test("broadcast sends to all, and drain stops the server")
    func broadcastAndDrain() async throws {
        try await withAdmin { server, _, one in
            let peers = try server.connect(4)
            #expect(try one.ask("broadcast tea is ready") == ["sent to 4 clients"])
            for peer in peers { #expect(try peer.receive(13) == Array("tea is ready\n".utf8)) }
            #expect(try one.ask("drain 3") == ["draining: clients have 3 s"])
            for peer in peers {
                #expect(try peer.receiveToEnd() == [])
                peer.close()
            }
            try server.ended.wait(for: 4)
            #expect(try one.ask("list") == ["no clients"])
        }
    }

    @Test("log-level changes the level of every logger of the process's handler")
    func logLevel() async throws {
        let level = UVLogLevel(.warning)
        let messages = Journal<String>()
        let made = journal(messages, level: .error)
        let logger = Logger(label: "test") { _ in level.handler(around: made.handler) }
        #expect(logger.logLevel == .warning)
        logger.info("unheard")
        try await withAdmin {
            $0.logLevel = level
        } _: { _, _, one in
            let (before, after) = (try one.ask("log-level"), try one.ask("log-level debug"))
            #expect(before == ["log-level warning"])
            #expect(after == ["log-level debug"])
            let wrong = try one.ask("log-level loud")
            #expect(wrong[0].hasPrefix("log-level takes one of trace, "))
        }
        logger.debug("heard")
        var own = logger
        own.logLevel = .critical
        own.error("unheard, too")
        #expect(logger.logLevel == .debug)
        #expect(messages.entries == ["heard"])
    }

    @Test("When it stops, or is released, its socket is gone and the server goes on")
    func stops() async throws {
        try await withGroup { server in
            let path =
                FileManager.default.temporaryDirectory.path
                + "/uv\(UInt32.random(in: 0 ... .max))"
            for isReleased in [false, true] {
                var admin: UVAdmin? = try UVAdmin(at: .unix(path), for: server.remote)
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
                #expect(mode as? Int == 0o600)
                let one = try Operator(at: .unix(path))
                try one.send("watch\n")
                _ = try one.line()
                if isReleased {
                    admin = nil
                } else {
                    let stopping = try #require(admin)
                    let done = Journal<Void>()
                    Task {
                        await stopping.stop()
                        await stopping.stop()
                        done.append(())
                    }
                    try done.wait(for: 1)
                }
                _ = try? one.rest()
                try until { !FileManager.default.fileExists(atPath: path) }
                _ = admin
            }
            #expect(try server.connect().exchange([1]) == [1])
        }
    }
}
