import Foundation
import Testing
import UVSockets

@Suite("The forms of a message", .onPool, .timeLimit(.minutes(1)))
struct MessageFormsTests {
    private static let text = "[a text that does not fit into a few words]"
    private static let bytes = Array(text.utf8)
    /// Parts: what lies between the brackets.
    private static let line = text.dropFirst().dropLast()
    private static let slice = bytes.dropFirst().dropLast()
    /// Bytes that do not lie together.
    private static let repeated = repeatElement(UInt8(ascii: "r"), count: 3)

    /// The lines that arrive: first the part, in so many forms.
    private static func lines(_ copies: Int, _ others: String...) -> [UInt8] {
        let lines = Array(repeating: String(line), count: copies) + others
        return Array(lines.map { $0 + "\n" }.joined().utf8)
    }

    @Test("A connection sends parts, buffers, and bytes that do not lie together")
    func connection() async throws {
        try await onThreadOfItsOwn {
            try withServer(
                framing: .lines,
                onMessage: { client, _ in
                    client.send(Self.line)
                    client.send(Self.line.utf8)
                    client.send(Self.slice)
                    client.send(Data(Self.bytes).dropFirst().dropLast())
                    client.send(ContiguousArray(Self.slice))
                    unsafe Self.slice.withUnsafeBufferPointer { unsafe _ = client.send($0) }
                    unsafe Self.slice.withUnsafeBytes { unsafe _ = client.send($0) }
                    client.send(Self.repeated)
                    client.send("ab".utf8.reversed())
                    client.send("literal")
                    client.send([0x63, 0x64])
                    client.send([])
                    let twoLines = client.send("\ntwo\nlines".dropFirst())
                    if case .refused = twoLines { client.send("refused"[...]) }
                },
                body: { server in
                    let peer = try server.connect()
                    try peer.send("go\n")
                    let expected = Self.lines(7, "rrr", "ba", "literal", "cd", "", "refused")
                    try expect(peer.receive(expected.count), are: expected)
                })
        }.get()
    }

    @Test("A listener sends them to all of its clients")
    func listener() async throws {
        try await onThreadOfItsOwn {
            try withServer(framing: .lines) { server in
                let peer = try server.connect()
                try server.connected.wait(for: 1)
                let counts = try server.onLoop { listener in
                    [
                        listener.broadcast(Self.line), listener.broadcast(Self.slice),
                        listener.broadcast(Self.repeated), listener.broadcast("x"[...]),
                        listener.broadcast(Self.line, to: .all(except: listener.clients[0])),
                    ].map(\.receivers)
                }
                #expect(counts == [1, 1, 1, 1, 0])
                let expected = Self.lines(2, "rrr", "x")
                try expect(peer.receive(expected.count), are: expected)
            }
        }.get()
    }

    @Test("A task's connection sends them, and the server does to all")
    func tasks() async throws {
        try await withTaskServer(framing: .lines) { client in
            for try await _ in client.messages {
                try await client.send(Self.line)
                try await client.send(Self.slice)
                try await client.send(Self.repeated)
                try await client.send("literal")
                try await client.send([0x63])
                do {
                    try await client.send("\ntwo\nlines".dropFirst())
                } catch is FramingError {
                    try await client.send("refused"[...])
                }
                let server = try #require(client.server)
                await server.broadcast(Self.line)
                await server.broadcast(Self.slice)
                server.post(Self.line)
                server.post(Self.slice)
                server.post(Self.repeated)
            }
        } body: { server in
            let peer = try server.connect()
            try peer.send("go\n")
            let expected =
                Self.lines(2, "rrr", "literal", "c", "refused") + Self.lines(4, "rrr")
            try expect(peer.receive(expected.count), are: expected)
        }
    }

    @Test("A connector keeps them until it is connected")
    func connector() async throws {
        let listener = try RawListener()
        try await onThreadOfItsOwn {
            try withLoop { [endpoint = listener.local] loop in
                let connector = UVConnector(on: loop, to: endpoint, framing: .lines) { _, _ in }
                try connector.startConnect()
                connector.send(Self.line)
                connector.send(Self.slice)
                connector.send(Self.repeated)
                connector.send("literal")
                #expect(connector.messagesPending == 4)
            } meanwhile: { _ in
                let expected = Self.lines(2, "rrr", "literal")
                try expect(listener.accept().receive(expected.count), are: expected)
            }
        }.get()
    }
}
