import Foundation
import UVSockets

/// A thread that belongs to no loop and uses all that is `Sendable`: mailboxes, submissions, servers, and
/// connections on the loop that all share. It raises the signal that the loops watch, too.
final class Outsider: Sendable {
    private let scene: Scene
    private let hasEnded = Guarded(false)
    private let openTasks = Guarded(0)

    init(_ scene: Scene) {
        self.scene = scene
        scene.begin("the outsider", hasEnded) { [self] in run() }
    }

    func end() {
        scene.wait(for: "the outsider", hasEnded)
        scene.wait(for: "the outsider's tasks", openTasks) { $0 == 0 }
    }

    private func run() {
        var random = scene.generator(for: "outsider")
        while !scene.isOver {
            let worlds = scene.allWorlds
            if !worlds.isEmpty {
                let world = random.pick(worlds)
                world.mailbox.post(1)
                world.loop.submit { world.act() }
            }
            if let server = scene.servers.withLock({ $0.pick(&random) }) { use(server, &random) }
            if openTasks.value < 4, let endpoint = scene.endpoints.withLock({ $0.pick(&random) }) {
                connect(to: endpoint, &random)
            }
            if random.once(in: 4) { kill(getpid(), SIGUSR1) }
            // The pace of the calls, which is random.
            usleep(UInt32(random.number(500...4000)))
        }
    }

    /// Posts from this thread, or asks from a task of the pool.
    private func use(_ server: Scene.Server, _ random: inout SplitMix64) {
        let remote = server.remote
        _ = remote.localEndpoint
        switch random.number(0...3) {
        case 0: remote.post("from outside", whenSlow: .skip)
        case 1: remote.forEachListener { _ = $0.stats }
        case 2: spawn { _ = await (remote.stats(), remote.broadcast("and again").receivers) }
        default:
            if !server.isSteady, random.once(in: 30) {
                spawn { await remote.stop(drainFor: .milliseconds(50)) }
            }
        }
    }

    /// Connects on the loop that is nobody's, and cancels that now and then.
    private func connect(to endpoint: UVEndpoint, _ random: inout SplitMix64) {
        // Some come as the attempt begins.
        let isShort = random.once(in: 3)
        spawn {
            let task = Task {
                try await UVConnector.connect(to: endpoint, timeout: .milliseconds(300)) {
                    server in
                    try await server.send("hello\n")
                    _ = try await server.nextMessage()
                    return server.connection.bytesSent
                }
            }
            // When the task is cancelled, in the middle of whatever it does.
            try? await Task.sleep(for: .milliseconds(isShort ? 1 : 100))
            task.cancel()
            _ = try? await task.value
        }
    }

    private func spawn(_ body: @escaping @Sendable () async -> Void) {
        openTasks.withLock { $0 += 1 }
        Task {
            await body()
            openTasks.withLock { $0 -= 1 }
        }
    }
}
