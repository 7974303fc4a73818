import Foundation
import Testing
import UVSocketsTesting

@testable import UVSockets

/// What ends a line, what ends the last one, and what a peer is told whose bytes are no frames.
@Suite("The ends of lines", .onPool, .timeLimit(.minutes(1)))
struct LineEndTests {
    @Test("Lines that end either way are taken, and sent ones end in CR LF", arguments: 1...8)
    func tolerant(cut: Int) throws {
        let server = try MemoryServer(framing: .lines(ending: .crlfAcceptingLF))
        let peer = try server.connect()
        peer.send("a\nb\r\n\r\nc\n", inPiecesOf: cut)
        server.network.run()
        #expect(peer.takeText() == "a\r\nb\r\n\r\nc\r\n")
    }

    @Test(
        "An unended last line is a line on request, and an error without", arguments: [true, false])
    func unended(isTaken: Bool) throws {
        var heard: [String] = []
        let server = try MemoryServer(
            framing: .lines(takesUnendedLine: isTaken),
            onMessage: { heard.append(String(message: $1)) })
        let peer = try server.connect()
        peer.send("a\nb")
        peer.finish()
        server.network.run()
        peer.close()
        server.network.run()
        #expect(heard == (isTaken ? ["a", "b"] : ["a"]))
        #expect(server.reasons == [isTaken ? .peerClosed : .framing(.truncated(bytes: 1))])
    }

    enum Way: CaseIterable {
        case owned, borrowed, late
    }

    @Test(
        "A task gets an unended last line, also if it asks late", .onEachTransport,
        arguments: Way.allCases)
    func unendedForTask(way: Way) async throws {
        let (lines, first, go) = (Journal<String>(), Journal<Void>(), Journal<Void>())
        try await withTaskServer(
            framing: .lines(ending: .crlf, takesUnendedLine: true),
            handler: { client in
                if way == .late {
                    guard let line = try await client.nextMessage() else { return }
                    lines.append(String(message: line.span))
                    // The rest and the end come while it waits for something else.
                    first.append(())
                    _ = await onThreadOfItsOwn { _ = try? go.first() }
                }
                if way == .borrowed {
                    try await client.forEachMessage { lines.append(String(message: $0)) }
                } else {
                    for try await line in client.messages {
                        lines.append(String(message: line.span))
                    }
                }
                lines.append("the end")
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("a\r\nb")
                if way == .late { try first.first() }
                try peer.finish()
                if way == .late { go.append(()) }
                #expect(try lines.wait(for: 3) == ["a", "b", "the end"])
                #expect(try peer.receiveToEnd() == [])
            })
    }

    @Test(
        "A peer whose bytes are no frame is told so before the end", .onEachTransport,
        arguments: [true, false])
    func answered(isTruncated: Bool) async throws {
        var options = UVListenerOptions.patient
        options.connection.framingErrorAnswer = { Array("-ERR \($0)\r\n".utf8) }
        let ends = Journal<UVEndReason>()
        try await withTaskServer(
            framing: .lines(ending: .crlf, maximumLength: 10), options: options,
            handler: { client in
                do {
                    for try await line in client.messages { try await client.send(line) }
                } catch let end as UVEndReason {
                    ends.append(end)
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("ok\r\n" + (isTruncated ? "rest" : "a bare line feed\n"))
                if isTruncated { try peer.finish() }
                let answer = String(decoding: try peer.receiveToEnd(), as: UTF8.self)
                #expect(answer.hasPrefix("ok\r\n-ERR "))
                #expect(answer.hasSuffix("\r\n"))
                let end = try ends.first()
                #expect(end.kind == .framing)
            })
    }
}
