import Foundation
import Testing
import UVSocketsCapture

@testable import UVSockets
@testable import UVSocketsAdmin

@Suite("Why, tap and dump at the admin socket", .ownThreads, .timeLimit(.minutes(1)))
struct AdminTapTests {
    @Test("A tap is started, told of, and ended; its file has what was said")
    func tap() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tap-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "all.pcapng").path
        try await withAdmin { server, _, one in
            let (peer, arrival) = try server.arrive()
            #expect(try one.ask("tap") == ["no tap; tap ID|ADDRESS|all FILE starts one"])
            #expect(try one.ask("tap off") == ["no tap is running"])
            let begun = try one.ask("tap \(arrival.id) \(path) bytes 100000 time 60 snap 1000")
            #expect(begun == ["tapping client 1 to \(path); tap off ends it"])
            #expect(try peer.exchange(Array("hello\n".utf8)) == Array("hello\n".utf8))
            #expect(try one.ask("tap") == ["\(path): running"])
            let ended = try one.ask("tap off")
            #expect(ended.count == 1 && ended[0].hasSuffix("; stopped"), "\(ended)")
            let capture = try UVCapture(contentsOf: path)
            #expect(capture.connections.count == 1)
            #expect(capture.connections[0].bytes(.received) == Array("hello\n".utf8))
            #expect(capture.connections[0].bytes(.sent) == Array("hello\n".utf8))
            let wrong = try one.ask("tap nobody \(path)")
            #expect(wrong[0].hasPrefix("'nobody' is no client's id"), "\(wrong)")
            #expect(
                try one.ask("tap 1 \(path) bytes") == [
                    "bytes needs a number of at least 1 behind it"
                ])
            #expect(try one.ask("tap 1 \(folder.path)/no/such").count == 1)
            peer.close()
        }
    }

    @Test("A dump shows what is said meanwhile")
    func dump() async throws {
        try await withAdmin { server, _, one in
            let peer = try server.arrive().peer
            try one.send(Array("dump 1 1\n".utf8))
            let end = Date(timeIntervalSinceNow: 1.5)
            while Date() < end { _ = try peer.exchange(Array("hi\n".utf8)) }
            let lines = try one.answer()
            #expect(lines.contains { $0.contains(": received ") }, "\(lines.prefix(5))")
            #expect(lines.contains { $0.contains("hi\\n") })
            #expect(lines.last?.hasPrefix("the dump has ended: ") == true)
            #expect(try one.ask("dump 1 0") == ["dump takes 1 to 60 seconds"])
            peer.close()
        }
    }

    @Test("why names the cause of one client, and groups all")
    func why() async throws {
        try await withAdmin { server, _, one in
            let peer = try server.arrive().peer
            let why = try one.ask("why 1")
            #expect(why.count == 1 && why[0].hasPrefix("Nothing waits."), "\(why)")
            let groups = try one.ask("why")
            #expect(groups.first == "1 client: nothing waits (1)", "\(groups)")
            #expect(
                try one.ask("why 99") == ["there is no client 99; type ended to see who has gone"])
            #expect(try one.ask("why me")[0].hasPrefix("why needs a client's id"))
            let state = try one.ask("state")
            #expect(state.first == "loop 0")
            #expect(state.contains { $0.contains("client 1, 127.0.0.1:") }, "\(state)")
            #expect(try !one.ask("advice").isEmpty)
            #expect(try one.ask("measure on") == ["measuring"])
            #expect(try one.ask("measure").count > 5)
            #expect(try one.ask("profile").first?.hasPrefix("loop 0, ") == true)
            #expect(try one.ask("profile 61").count == 1)
            try one.send("trace receive,send 1 1\n")
            let end = Date(timeIntervalSinceNow: 0.5)
            while Date() < end { _ = try peer.exchange(Array("hi\n".utf8)) }
            let lines = try one.answer()
            #expect(lines.contains { $0.contains("received 3 bytes") }, "\(lines.prefix(3))")
            #expect(try one.ask("trace nothing")[0].hasPrefix("'nothing' is no source"))
            peer.close()
        }
    }
}
