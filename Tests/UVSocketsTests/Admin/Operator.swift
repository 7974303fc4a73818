import Foundation
import UVSocketsAdmin

@testable import UVSockets

/// An operator at an admin socket, over a plain socket.
final class Operator {
    private let peer: RawPeer
    private var unread: [UInt8] = []

    init(at endpoint: UVEndpoint) throws {
        peer = try RawPeer(to: endpoint)
    }

    func send(_ text: String) throws {
        try peer.send(text)
    }

    func send(_ bytes: [UInt8]) throws {
        try peer.send(bytes)
    }

    /// Gives a command, and waits for the lines that answer it.
    func ask(_ command: String) throws -> [String] {
        try peer.send(command + "\n")
        return try answer()
    }

    /// The lines of the next answer.
    func answer() throws -> [String] {
        var lines: [String] = []
        while true {
            let line = try line()
            if line.isEmpty { return lines }
            lines.append(line)
        }
    }

    func line() throws -> String {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            let bytes = try peer.receiveSome()
            guard !bytes.isEmpty else { throw TimedOut("the end instead of a line") }
            unread += bytes
        }
    }

    /// What comes until the other side closes.
    func rest() throws -> String {
        String(decoding: unread + (try peer.receiveToEnd()), as: UTF8.self)
    }

    func finish() throws {
        try peer.finish()
    }

    func close() {
        peer.close()
    }
}

/// An admin socket of its own, of a server. Loops may take long to answer on a busy machine.
func makeAdmin(
    _ server: UVServerHandle, _ change: (inout UVAdmin.Options) -> Void = { _ in }
) throws -> UVAdmin {
    var options = UVAdmin.Options()
    options.answerTime = .seconds(20)
    change(&options)
    let name = "uvsockets-admin \(UInt64.random(in: 0 ... .max))"
    return try UVAdmin(at: .abstract(name), for: server, options: options)
}

/// Holds every loop of a server while a body runs.
func withBlockedLoops(_ server: UVServerHandle, _ body: () throws -> Void) throws {
    let (blocked, go) = (Journal<Void>(), Journal<Void>())
    server.forEachListener { _ in
        blocked.append(())
        _ = try? go.first()
    }
    defer { go.append(()) }
    try blocked.wait(for: server.loops.count)
    try body()
}

/// Runs a server on three loops, and an operator at its admin socket.
func withAdmin(
    framing: UVFraming = .lines, options: UVListenerOptions = .patient,
    _ change: @escaping @Sendable (inout UVAdmin.Options) -> Void = { _ in },
    _ body: @escaping @Sendable (GroupServer, UVAdmin, Operator) throws -> Void
) async throws {
    try await withGroup(framing: framing, options: options) { server in
        let admin = try makeAdmin(server.remote, change)
        try body(server, admin, try Operator(at: admin.endpoint))
    }
}
