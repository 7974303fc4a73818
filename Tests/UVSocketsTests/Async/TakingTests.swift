import Testing
import UVSockets

/// Messages that come in one read: the task, woken for the first, takes those behind it itself.
@Suite("Taking messages that came together", .onPool, .alsoInMemory, .timeLimit(.minutes(2)))
struct TakingTests {
    /// Runs a server of lines whose handler is given a client that has sent a text in one piece.
    private func serve(
        _ text: String, options: UVListenerOptions = UVListenerOptions(),
        handler: @escaping TaskHandler, finally: @escaping @Sendable (RawPeer) throws -> Void
    ) async throws {
        try await withTaskServer(framing: .lines, options: options, handler: handler) { server in
            let peer = try server.connect()
            try peer.send(text)
            try finally(peer)
        }
    }

    /// What a client hears that has sent a text in one piece and finished.
    private func answers(to text: String, handler: @escaping TaskHandler) async throws -> String {
        let heard = Journal<String>()
        try await serve(
            text, handler: handler,
            finally: { peer in
                try peer.finish()
                heard.append(String(decoding: try peer.receiveToEnd(), as: UTF8.self))
            })
        return try heard.first()
    }

    @Test("They are taken in one turn of the loop, each of them once and in order")
    func inOneTurn() async throws {
        let taken = Journal<[String]>()
        try await serve(
            "a\nb\nc\nd\nrest",
            handler: { client in
                let turned = Journal<Void>()
                var lines: [String] = []
                while let line = try await client.nextMessage() {
                    lines.append(String(decoding: line, as: UTF8.self))
                    if lines.count == 1 {
                        client.connection.loop.submit { turned.append(()) }
                    }
                    if lines.count == 4 {
                        #expect(turned.entries.isEmpty)
                        #expect(client.connection.messagesReceived == 4)
                        taken.append(lines)
                    }
                }
            },
            finally: { peer in
                let lines = try taken.first()
                #expect(lines == ["a", "b", "c", "d"])
            })
    }

    @Test("Messages that the task keeps stay as they are when it takes more")
    func kept() async throws {
        let lines = (0..<500).map { "\($0) \(String(repeating: "x", count: $0 % 61))" }
        let taken = Journal<[[UInt8]]>()
        try await serve(
            lines.map { $0 + "\n" }.joined() + "end\n",
            handler: { client in
                var kept: [[UInt8]] = []
                for try await line in client.messages {
                    if line == Array("end".utf8) { taken.append(kept) }
                    // Every third is changed by its owner as well.
                    var copy = line
                    if kept.count % 3 == 0 { copy[0] = UInt8(ascii: "?") }
                    kept.append(kept.count % 2 == 0 ? line : copy)
                }
            },
            finally: { _ in
                let expected = lines.enumerated().map { index, line in
                    index % 2 == 1 && index % 3 == 0 ? "?" + line.dropFirst() : line
                }
                let kept = try taken.first().map { String(decoding: $0, as: UTF8.self) }
                #expect(kept == expected)
            })
    }

    @Test("Between two of them the task may await something else, and goes on behind the last")
    func elsewhere() async throws {
        let text = "a\nb\nwait\nc\nd\nwait\ne\n"
        let answers = try await answers(to: text) { client in
            for try await line in client.messages {
                if line == Array("wait".utf8) { _ = await onThreadOfItsOwn {} }
                try await client.send(line)
            }
        }
        #expect(answers == text)
    }

    @Test("A framing changed between two of them holds from the next byte")
    func reframed() async throws {
        let text = "a\nframes\n\u{0}\u{1}b\u{0}\u{2}c\n"
        let answers = try await answers(to: text) { client in
            for try await message in client.messages {
                try await client.send(message)
                if message == Array("frames".utf8) {
                    client.connection.framing = .lengthPrefix(.bytes2)
                }
            }
        }
        #expect(answers == text)
    }

    @Test("A task may borrow those behind the ones it has taken, and own those behind again")
    func borrowed() async throws {
        struct Enough: Error {}
        let answers = try await answers(to: "a\nb\nc\nd\ne\nf\n") { client in
            func echo() async throws {
                guard let line = try await client.nextMessage() else { return }
                try await client.send("own " + String(decoding: line, as: UTF8.self))
            }
            try await echo()
            try await echo()
            do {
                try await client.forEachMessage { line in
                    client.send(("lent " + String(message: line)).utf8.span)
                    if line[0] == UInt8(ascii: "d") { throw Enough() }
                }
            } catch is Enough {}
            try await echo()
            try await echo()
        }
        #expect(answers == "own a\nown b\nlent c\nlent d\nown e\nown f\n")
    }

    @Test("None is taken from a connection that the task has closed, paused or reset meanwhile")
    func held() async throws {
        let seen = Journal<String>()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                for try await line in client.messages {
                    seen.append(String(decoding: line, as: UTF8.self))
                    switch line {
                    case Array("close".utf8): client.connection.close()
                    case Array("reset".utf8): client.reset()
                    case Array("pause".utf8):
                        client.connection.pauseReceiving()
                        // Resumed when the loop has turned.
                        let connection = client.connection
                        let turn = connection.loop.mailbox { (_: Void) in
                            seen.append("resumed")
                            connection.resumeReceiving()
                        }
                        turn.post(())
                    default: break
                    }
                }
                seen.append("end")
            },
            body: { server in
                let peers = try (0..<3).map { _ in try server.connect() }
                try peers[0].send("close\nlost\n")
                try seen.wait(for: 2)
                try peers[1].send("reset\nlost\n")
                try seen.wait(for: 4)
                try peers[2].send("pause\nkept\n")
                try seen.wait(for: 7)
                #expect(
                    seen.entries == ["close", "end", "reset", "end", "pause", "resumed", "kept"])
            })
    }

    @Test("What breaks the framing behind some of them is thrown once those are taken")
    func broken() async throws {
        let ends = Journal<String>()
        try await withTaskServer(
            framing: .lines(maximumLength: 3),
            handler: { client in
                do {
                    for try await line in client.messages {
                        ends.append(String(decoding: line, as: UTF8.self))
                    }
                } catch {
                    ends.append("\(error)")
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("a\nbc\nlonger\nd\n")
                let entries = try ends.wait(for: 3)
                #expect(entries.prefix(2) == ["a", "bc"])
                #expect(entries[2].contains("3"), "\(entries[2])")
                #expect(try peer.receiveToEnd() == [])
            })
    }

    @Test("Paused, none is given that came before, until it is resumed", arguments: [false, true])
    func pausedBefore(isLent: Bool) async throws {
        let taken = Journal<String>()
        try await serve(
            "a\nb\nc\n",
            handler: { client in
                let connection = client.connection
                while connection.bytesReceived == 0 { await Task.yield() }
                let first = try await client.nextMessage() ?? []
                taken.append(String(decoding: first, as: UTF8.self))
                connection.pauseReceiving()
                _ = try connection.loop.after(.milliseconds(50)) {
                    taken.append("resumed")
                    connection.resumeReceiving()
                }
                guard !isLent else {
                    return try await client.forEachMessage { taken.append(String(message: $0)) }
                }
                for try await line in client.messages {
                    taken.append(String(decoding: line, as: UTF8.self))
                }
            },
            finally: { peer in
                try peer.finish()
                #expect(try peer.receiveToEnd() == [])
                #expect(taken.entries == ["a", "resumed", "b", "c"])
            })
    }
}
