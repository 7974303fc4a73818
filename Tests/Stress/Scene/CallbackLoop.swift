import UVSockets

/// A loop whose listeners and connectors have callbacks, on a thread that runs it again whenever one of
/// them has stopped it.
final class CallbackLoop: Sendable {
    private let scene: Scene
    private let loop = Guarded<UVLoop?>(nil)
    private let hasEnded = Guarded(false)

    init(_ scene: Scene) {
        self.scene = scene
        scene.begin("the loop of callbacks", hasEnded) { [self] in try run() }
    }

    /// Stops it, when the scene is over.
    func end() {
        loop.value?.stop()
        scene.wait(for: "the loop of callbacks", hasEnded)
    }

    private func run() throws(UVError) {
        let loop = try UVLoop()
        self.loop.value = loop
        let world = scene.world(of: loop, "callbacks", .callbacks)
        try world.begin()
        try listenSteadily(world)
        while !scene.isOver {
            loop.run(.untilStopped)
            // What belongs to the loop may be used between its runs, too.
            world.act()
            closeInVain(loop)
        }
        try world.runOut()
    }

    private func listenSteadily(_ world: World) throws(UVError) {
        let listener = UVListener(
            on: world.loop, at: "127.0.0.1:0", framing: .lines, options: .steady,
            onMessageReceived: world.messageHandler(echo: 1))
        world.adopt(listener, .world, isSteady: true)
        try listener.startAccept()
    }

    /// A loop that has something open refuses to be closed, and goes on as before.
    private func closeInVain(_ loop: UVLoop) {
        do throws(UVError) {
            try loop.close()
            scene.fault("a loop that has a listener could be closed")
        } catch {
            if error.code != .busy { scene.fault("a loop that is busy says \(error)") }
        }
    }
}

extension World {
    /// Ends all that is here, runs the loop until nothing is left, and closes it.
    func runOut() throws(UVError) {
        retire()
        let deadline = ContinuousClock.now + scene.patience
        while true {
            // A stop that somebody asked for just now ends this run, too, while a client is closing.
            loop.run(.untilIdle)
            do throws(UVError) {
                if isQuiet.value {
                    try loop.close()
                    break
                }
            } catch {
                guard error.code == .busy, ContinuousClock.now < deadline else { throw error }
            }
            if ContinuousClock.now > deadline { fault("it does not end: it has \(debts)") }
        }
        try loop.close()
        callWhatHasEnded()
        clear()
    }

    /// Calls the members of connections that have ended, on a loop that is closed.
    private func callWhatHasEnded() {
        let actions = Action.connections + Action.sends + Action.counters
        for _ in 0..<1000 { perform(random.pick(actions)) }
    }
}
