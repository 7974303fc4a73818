import ArgumentParser
import Foundation
import Logging
import UVSockets

/// Calls every public member of the library at random, from every callback, on what is live and on what
/// has ended, and tells the first thing that is wrong.
@main
struct Stress: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stress",
        abstract: "Calls every public member at random, and tells the first fault.")

    @Option(help: "What all randomness comes from.")
    var seed: UInt64 = 1

    @Option(help: "For how long it goes on, in seconds.")
    var seconds = 3.0

    @Option(help: "How many seconds an answer, or an end, may take.")
    var patience = 10.0

    @Flag(help: "Let the process run out of descriptors now and then.")
    var scarce = false

    @Flag(help: "List the public members that it calls, and how.")
    var members = false

    func run() throws {
        if members { return print(Members.list) }
        if !OwnNetwork.enter() { print("it shares the machine's network") }
        let scene = Scene(seed: seed, patience: .seconds(patience), isScarce: scarce)
        scene.setAlarm(after: .seconds(seconds + 3 * patience))
        LoggingSystem.bootstrap { _ in FaultLog(scene: scene) }
        try warmUp(scene)
        let before = Descriptors.open
        let answers = try play(scene)
        scene.enter("descriptors are counted")
        // The loop that all clients share closes their sockets in its own time.
        let deadline = ContinuousClock.now + scene.patience
        var left = Descriptors.left(since: before)
        while !left.isEmpty, ContinuousClock.now < deadline {
            useSharedLoop(scene)
            left = Descriptors.left(since: before)
        }
        if !left.isEmpty {
            scene.fault("descriptors are left open: \(left.joined(separator: ", "))")
        }
        report(scene, answers)
    }

    /// Opens what the runtime, libuv and the library open once for the process.
    private func warmUp(_ scene: Scene) throws {
        let loop = try UVLoop()
        let watch = try loop.on(.user1) {}
        watch.cancel()
        loop.run()
        try loop.close()
        useSharedLoop(scene)
        scene.wait(for: "the runtime's timer") {
            // To open what the runtime needs for its timers, before descriptors are counted.
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Has the loop that all clients share do something, which takes it some turns.
    private func useSharedLoop(_ scene: Scene) {
        scene.wait(for: "an attempt to connect") {
            _ = try? await UVConnector.connect(to: "127.0.0.1:1") { _ in }
        }
    }

    private func play(_ scene: Scene) throws -> Int {
        let (callbacks, tasks) = (CallbackLoop(scene), TaskLoop(scene))
        let (group, servers) = (try GroupServers(scene), OwnServers(scene))
        scene.enter("the steady servers begin")
        scene.wait(for: "the start", scene.steadyEndpoints) { $0.count == 3 }
        let rude = RudePeers(scene)
        let steady = SteadyClients(scene, of: scene.steadyEndpoints.value.flatMap { [$0, $0] })
        let outsider = Outsider(scene)
        let (hoarder, squeezer) = (Hoarder(scene), Squeezer(scene))
        scene.enter("all call at random")
        // The length of the stress, as it was asked for.
        Thread.sleep(forTimeInterval: seconds)
        scene.enter("the steady clients leave")
        scene.release()
        steady.end()
        scene.end()
        scene.enter("everything ends")
        // A client that is connected would keep its loop running.
        scene.clients.value = Roster(limit: 0)
        outsider.end()
        hoarder.end()
        squeezer.end()
        rude.end()
        servers.end()
        tasks.end()
        group.end()
        callbacks.end()
        // They would be kept until the process ends, and look like leaks.
        scene.servers.value = Roster(limit: 0)
        scene.clients.value = Roster(limit: 0)
        return steady.answers.value
    }

    private func report(_ scene: Scene, _ answers: Int) {
        let calls = scene.calls.value
        let total = calls.values.reduce(0, +)
        let missing = Members.atRandom.subtracting(calls.keys).sorted()
        print(
            "seed \(seed): \(total) calls of \(calls.count) members,",
            "\(scene.connections.value) connections, \(answers) answers to steady clients")
        if !missing.isEmpty { print("not called: \(missing.joined(separator: ", "))") }
    }
}
