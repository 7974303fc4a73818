import Foundation
import UVSockets

/// Well-behaved clients of the steady servers: whatever happens elsewhere, each of their lines must come
/// back soon.
final class SteadyClients: Sendable {
    private let scene: Scene
    private let isOver = Guarded(false)
    private let hasEnded = Guarded(false)
    /// How many lines have come back.
    let answers = Guarded(0)

    /// Begins, with one client for each of the addresses.
    init(_ scene: Scene, of endpoints: [UVEndpoint]) {
        self.scene = scene
        scene.begin("the steady clients", hasEnded) { [self] in run(endpoints) }
    }

    /// Lets all of them go; those who have no answer yet wait for it, each with a deadline of its own.
    func end() {
        isOver.value = true
        // The clients' deadlines, and the alarm, bound the wait.
        while !hasEnded.wait(until: { $0 }, within: 60) {}
    }

    private func run(_ endpoints: [UVEndpoint]) {
        var random = scene.generator(for: "steady clients")
        var clients = endpoints.map { SteadyClient(scene, $0, random.next()) }
        while !clients.isEmpty {
            for client in clients { answers.withLock { $0 += client.step() } }
            if isOver.value { clients.removeAll { $0.leave() } }
            // The pace of the clients, which read slowly.
            usleep(1000)
        }
    }
}
