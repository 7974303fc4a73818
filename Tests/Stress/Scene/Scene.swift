import Foundation
import UVSockets

/// What all threads of the stress share: the seed, the addresses, the servers, and the end.
final class Scene: Sendable {
    /// A server that any thread may ask.
    struct Server: Sendable {
        let remote: UVServerHandle
        /// Whether it may not be stopped and its clients may not be harmed.
        let isSteady: Bool
    }

    let seed: UInt64
    /// How long anything may take that must come: an answer, an end.
    let patience: Duration
    /// Whether the process runs out of descriptors now and then.
    let isScarce: Bool
    /// Where wild connectors and rude peers connect to.
    let endpoints = Guarded(Roster<UVEndpoint>(limit: 16))
    /// Where steady clients connect to.
    let steadyEndpoints = Guarded<[UVEndpoint]>([])
    let servers = Guarded(Roster<Server>(limit: 24))
    /// Clients that ask, which any task may use.
    let clients = Guarded(Roster<UVClient>(limit: 12))
    /// How many connections there have been, and how many calls.
    let connections = Guarded(0)
    let calls = Guarded<[String: Int]>([:])
    private let worlds = Guarded<[ObjectIdentifier: World]>([:])
    private let over = Guarded(false)
    private let free = Guarded(false)
    private let phase = Guarded("it starts")
    private let start = ContinuousClock.now

    init(seed: UInt64, patience: Duration, isScarce: Bool) {
        self.seed = seed
        self.patience = patience
        self.isScarce = isScarce
    }

    /// Whether everything is to end.
    var isOver: Bool { over.value }

    /// Whether steady clients may leave.
    var isFree: Bool { free.value }

    func release() {
        free.value = true
    }

    func end() {
        over.value = true
        // Those on a loop would keep it from being closed.
        for client in clients.value.all { client.close() }
    }

    func generator(for name: String) -> SplitMix64 {
        SplitMix64(seed: seed, for: name)
    }

    // MARK: - Worlds

    /// The world of a loop, which is made where there is none.
    func world(of loop: UVLoop, _ name: String, _ kind: World.Kind) -> World {
        worlds.withLock { worlds in
            if let world = worlds[ObjectIdentifier(loop)] { return world }
            let world = World(self, loop, name, kind)
            worlds[ObjectIdentifier(loop)] = world
            return world
        }
    }

    var allWorlds: [World] { worlds.withLock { Array($0.values) } }

    func forget(_ world: World) {
        worlds.withLock { $0[ObjectIdentifier(world.loop)] = nil }
    }

    // MARK: - Faults

    /// Tells a fault in one line, and ends the process.
    func fault(_ what: String) -> Never {
        let time = (ContinuousClock.now - start) / .seconds(1)
        let line = "stress: seed \(seed), after \(time) s, while \(phase.value): \(what)\n"
        FileHandle.standardError.write(Data(line.utf8))
        _exit(1)
    }

    func enter(_ name: String) {
        phase.value = name
    }

    /// Whether a server that cannot begin is to be expected: one of its listeners was stopped before, or
    /// there are no descriptors.
    func expects(_ error: UVError) -> Bool {
        error.code == .canceled
            || isScarce && (error.code == .tooManyOpenFiles || error.code == .unknownHost)
    }

    /// Waits until a value is as wanted, which must be soon.
    func wait<Value>(
        for what: String, _ guarded: Guarded<Value>, until isEnough: (Value) -> Bool
    ) {
        if guarded.wait(until: isEnough, within: patience / .seconds(1)) { return }
        fault("\(what) did not come to its end")
    }

    /// Waits until something is so, which must be soon.
    func wait(for what: String, _ isTrue: Guarded<Bool>) {
        wait(for: what, isTrue) { $0 }
    }

    /// Lets a task do something, which must end soon, and waits for it.
    func wait(for what: String, _ body: @escaping @Sendable () async -> Void) {
        let isDone = Guarded(false)
        Task.detached {
            await body()
            isDone.value = true
        }
        wait(for: what, isDone)
    }

    /// Does something on a thread of its own, and tells when it has ended.
    func begin(
        _ what: String, _ hasEnded: Guarded<Bool>, _ body: @escaping @Sendable () throws -> Void
    ) {
        Thread.detachNewThread { [self] in
            do {
                try body()
            } catch {
                fault("\(what): \(error)")
            }
            hasEnded.value = true
        }
    }

    /// Ends the process where it takes longer than it may, whatever its threads do.
    func setAlarm(after time: Duration) {
        Thread.detachNewThread { [self] in
            // The alarm itself.
            Thread.sleep(forTimeInterval: time / .seconds(1))
            fault("the whole takes longer than \(time)")
        }
    }
}
