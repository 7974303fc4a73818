import Foundation
import Testing

@testable import UVSockets

/// A framing that is changed holds from the next byte, whoever waits and however the bytes came.
@Suite("Changing the framing", .onPool, .onEachTransport, .timeLimit(.minutes(2)))
struct ReframingTests {
    private static let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    /// What the handler awaits between the line and the change.
    enum Meanwhile: CaseIterable {
        case nothing, yield, elsewhere

        nonisolated(nonsending) func wait() async {
            switch self {
            case .nothing: break
            case .yield: await Task.yield()
            case .elsewhere: _ = await onThreadOfItsOwn {}
            }
        }
    }

    @Test(
        "After a line, a task gets the bytes behind it as they are",
        arguments: Meanwhile.allCases, [0, 1, 13, 14, 15, 20])
    func toRaw(meanwhile: Meanwhile, cut: Int) async throws {
        let heard = Journal<[UInt8]>()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                let line = try await client.nextMessage()
                #expect(line == Array("CONNECT a:1".utf8))
                await meanwhile.wait()
                client.connection.framing = .raw
                await meanwhile.wait()
                while let bytes = try await client.nextMessage() { heard.append(bytes) }
            },
            body: { server in
                let all = Array(("CONNECT a:1\n" + Self.request).utf8)
                let peer = try server.connect()
                try peer.send(Array(all[..<cut]))
                try peer.send(Array(all[cut...]))
                try peer.finish()
                _ = try peer.receiveToEnd()
                #expect(heard.entries.flatMap(\.self) == Array(Self.request.utf8))
            })
    }

    @Test(
        "Bytes that came before a framing are divided by it", arguments: Meanwhile.allCases)
    func fromRaw(meanwhile: Meanwhile) async throws {
        let heard = Journal<[UInt8]>()
        try await withTaskServer(
            handler: { client in
                // What comes now comes while nobody asks.
                try await client.send("go")
                await meanwhile.wait()
                while meanwhile == .elsewhere, client.connection.bytesReceived < 6 {
                    await Task.yield()
                }
                client.connection.framing = .lines
                while let line = try await client.nextMessage() { heard.append(line) }
            },
            body: { server in
                let peer = try server.connect()
                #expect(try peer.receive(2) == Array("go".utf8))
                try peer.send("ab\ncd\n")
                try peer.finish()
                _ = try peer.receiveToEnd()
                #expect(heard.entries == [Array("ab".utf8), Array("cd".utf8)])
            })
    }

    /// Sends the request behind a line, and checks that it was heard as it is.
    private static func sendRequest(by peer: RawPeer, _ heard: Journal<[UInt8]>) throws {
        try peer.send("CONNECT\n" + request)
        try peer.finish()
        _ = try peer.receiveToEnd()
        #expect(heard.entries.dropFirst().flatMap(\.self) == Array(request.utf8))
    }

    @Test("A closure that borrows gets the bytes behind the line as they are")
    func borrowed() async throws {
        let heard = Journal<[UInt8]>()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                try await client.forEachMessage { message in
                    heard.append([UInt8](message: message))
                    if heard.entries.count == 1 { client.connection.framing = .raw }
                }
            },
            body: { server in
                let peer = try server.connect()
                try Self.sendRequest(by: peer, heard)
            })
    }

    @Test(
        "A callback that pauses, and changes it later, gets the bytes behind the line as they are")
    func paused() async throws {
        let heard = Journal<[UInt8]>()
        try await onThreadOfItsOwn {
            try withServer(
                framing: .lines,
                onMessage: { client, message in
                    heard.append([UInt8](message: message))
                    guard heard.entries.count == 1 else { return }
                    client.pauseReceiving()
                    _ = try? client.loop.after(.milliseconds(5)) {
                        client.framing = .raw
                        client.resumeReceiving()
                    }
                },
                body: { server in
                    let peer = try server.connect()
                    try Self.sendRequest(by: peer, heard)
                })
        }.get()
    }

    @Test("What a task relays after a line leaves as it is", arguments: Meanwhile.allCases)
    func relayed(meanwhile: Meanwhile) async throws {
        let upstream = try RawListener()
        try await withTaskServer(
            framing: .lines,
            handler: { client in
                _ = try await client.nextMessage()
                await meanwhile.wait()
                try await client.connect(to: upstream.local) { server in
                    client.connection.framing = .raw
                    try await client.relay(with: server)
                }
            },
            body: { server in
                let peer = try server.connect()
                try peer.send("CONNECT\n" + Self.request)
                let other = try upstream.accept()
                #expect(
                    try other.receive(Self.request.utf8.count) == Array(Self.request.utf8))
                other.close()
            })
    }
}
