import UVSockets

/// Servers of tasks that have loops and threads of their own, one after the other.
final class OwnServers: Sendable {
    private let scene: Scene
    private let hasEnded = Guarded(false)

    init(_ scene: Scene) {
        self.scene = scene
        Task.detached { [self] in
            await scene.serveAgainAndAgain("a server on loops of its own", on: nil)
            hasEnded.value = true
        }
    }

    func end() {
        scene.wait(for: "a server on loops of its own", hasEnded)
    }
}
