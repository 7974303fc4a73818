import Testing

@testable import UVSockets

/// In a process of its own, which needs its descriptors for itself.
@Suite("Thousands of tasks", .onPool, .timeLimit(.minutes(2)))
struct ManyTasksTests {
    @Test(
        "Handlers that wait for a message, ten thousand of them, end when the server is cancelled")
    func suspended() async {
        await #expect(processExitsWith: .success) {
            UVLoop.raiseDescriptorLimit()
            // Both ends are in this process.
            let count = min(10_000, (DescriptorLimit.current - 200) / 2)
            let (begun, ended) = (Journal<Void>(), Journal<Bool>())
            try await withTaskServer(
                handler: { client in
                    begun.append(())
                    var messages = 0
                    do {
                        for try await _ in client.messages { messages += 1 }
                    } catch is CancellationError {
                        ended.append(messages == 0)
                    }
                },
                body: { server in
                    let peers = try (0..<count).map { _ in try server.connect() }
                    try begun.wait(for: count, seconds: 60)
                    server.cancel()
                    let ends = try ended.wait(for: count, seconds: 60)
                    try #require(ends.count == count && ends.allSatisfy(\.self))
                    for peer in peers { try #require(peer.receiveToEnd() == []) }
                })
            try #require(begun.entries.count == count && ended.entries.count == count)
        }
    }
}
