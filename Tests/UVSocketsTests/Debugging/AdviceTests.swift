import Foundation
import Testing

@testable import UVSockets

@Suite("Advice", .ownThreads, .timeLimit(.minutes(1)))
struct AdviceTests {
    @Test("A server that is used well gets none")
    func none() async throws {
        try await withGroup(loops: 2) { server in
            let peers = try server.connect(4)
            for peer in peers { for _ in 0..<50 { _ = try peer.exchange([1]) } }
            // Other tests may fill the machine's backlogs and descriptors meanwhile.
            let advice = try server.advice().filter {
                !$0.hasPrefix("Backlogs of this machine") && !$0.contains("descriptors are in use")
            }
            #expect(advice == [])
        }
    }

    @Test("Sending to a full queue again and again")
    func full() async throws {
        var options = UVListenerOptions()
        options.connection.writeStallTimeout = nil
        try await withGroup(loops: 1, options: options) { _ in
            { client, _ in
                for _ in 0..<100 { client.send([UInt8](repeating: 1, count: 64 << 10)) }
            }
        } body: { server in
            let peer = try server.connect(receiveBuffer: 4096)
            try peer.send("a")
            try server.advise("messages were sent to clients whose queue was full (takenButFull)")
        }
    }

    @Test("Writes of their own for many small messages")
    func writes() async throws {
        try await withGroup(loops: 1) { server in
            let (peer, arrival) = try server.arrive()
            // Each is a request of its own, so it leaves alone.
            try server.advise("sent a client four or more small writes") { server in
                await Task.detached {
                    for _ in 0..<500 { _ = try? await server.send([1], to: arrival.id) }
                }.value
            }
            peer.close()
        }
    }

    @Test("Few descriptors are left: counted as the system counts them")
    func descriptors() throws {
        let before = try #require(openDescriptors())
        let pipes = (0..<10).map { _ in Pipe() }
        let after = try #require(openDescriptors())
        // Other tests open and close some meanwhile.
        #expect(after > 3 && before > 3)
        #expect(backlogOverflows() != nil)
        withExtendedLifetime(pipes) {}
    }
}

extension GroupServer {
    fileprivate func advice() throws -> [String] {
        try ask { await $0.advice() }
    }

    /// Waits until the advice has this sentence, and does something before each look.
    fileprivate func advise(
        _ words: String, _ act: @escaping @Sendable (UVServerHandle) async -> Void = { _ in }
    ) throws {
        let end = Date(timeIntervalSinceNow: patience)
        while Date() < end {
            try ask { await act($0) }
            if try advice().contains(where: { $0.contains(words) }) { return }
        }
        Issue.record("no such advice")
    }
}
