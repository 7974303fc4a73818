import Testing
import UVSockets

/// An actor on a loop, for a task that is to go there and come back.
actor LoopActor {
    private nonisolated let loop: UVLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(on loop: UVLoop) {
        self.loop = loop
    }

    func visit() {
        #expect(loop.isOnLoop)
    }
}
