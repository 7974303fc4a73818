import UVSockets

/// A loop that is run for tasks: they serve on it, and connect on it.
final class TaskLoop: Sendable {
    private let scene: Scene
    private let loop = Guarded<UVLoop?>(nil)
    private let hasEnded = Guarded(false)

    init(_ scene: Scene) {
        self.scene = scene
        scene.begin("the loop of tasks", hasEnded) { [self] in try run() }
    }

    /// Stops it, when the scene is over.
    func end() {
        loop.value?.stop()
        scene.wait(for: "the loop of tasks", hasEnded)
    }

    private func run() throws {
        let loop = try UVLoop()
        self.loop.value = loop
        let world = scene.world(of: loop, "tasks", .task)
        try world.begin()
        let scene = scene
        try loop.run {
            try await withThrowingTaskGroup { group in
                group.addTask { try await TaskLoop.serveSteadily(world) }
                group.addTask { await scene.serveAgainAndAgain("a server on the loop", on: loop) }
                try await group.waitForAll()
            }
        }
        guard scene.isOver else { scene.fault("the loop of tasks was left") }
        try world.runOut()
    }

    private static func serveSteadily(_ world: World) async throws {
        try await UVListener.serve(
            at: "127.0.0.1:0", framing: .lines, options: .steady, on: world.loop,
            drainFor: .milliseconds(100), onListening: { world.scene.add($0, isSteady: true) },
            setUp: { world.adopt($0, .tasks, isSteady: true) }
        ) { client in
            try await world.echo(client)
        }
    }
}
