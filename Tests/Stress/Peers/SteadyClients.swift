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
        Thread.detachNewThread { [self] in
            run(endpoints)
            hasEnded.value = true
        }
    }

    /// Lets all of them go; those who have no answer yet wait for it.
    func end() {
        isOver.value = true
        scene.wait(for: "the thread of steady clients") { hasEnded.value }
    }

    private func run(_ endpoints: [UVEndpoint]) {
        var clients = endpoints.map { SteadyClient(scene, $0) }
        while !clients.isEmpty {
            for client in clients { answers.withLock { $0 += client.step() } }
            if isOver.value { clients.removeAll { $0.leave() } }
            usleep(1000)
        }
    }
}

/// One of them.
private final class SteadyClient {
    private let scene: Scene
    private let endpoint: UVEndpoint
    private let socket: RawSocket
    private var number = 0
    private var received: [UInt8] = []
    private var deadline: ContinuousClock.Instant?
    private var pause = 0

    init(_ scene: Scene, _ endpoint: UVEndpoint) {
        self.scene = scene
        self.endpoint = endpoint
        guard let socket = RawSocket(connectingTo: endpoint.port) else {
            scene.fault("a steady client cannot connect to \(endpoint)")
        }
        self.socket = socket
    }

    private var line: [UInt8] { Array("steady \(number)".utf8) }

    /// Sends the next line, or looks for the one that was sent.
    ///
    /// - Returns: How many answers have come.
    func step() -> Int {
        guard let bytes = socket.read() else {
            scene.fault(
                "a steady client of \(endpoint) was closed, before line \(number) came back")
        }
        received += bytes
        guard let deadline else {
            pause -= 1
            if pause < 0 { ask() }
            return 0
        }
        if takeAnswer() { return 1 }
        if ContinuousClock.now > deadline {
            scene.fault(
                "line \(number) of a steady client of \(endpoint) does not come back")
        }
        return 0
    }

    private func ask() {
        number += 1
        // It is sent again where the connection is not made yet.
        guard socket.write(line + [0x0a]) > 0 else { return }
        deadline = .now + scene.patience
    }

    /// Looks through the lines that have come: most of them are noise.
    private func takeAnswer() -> Bool {
        while let end = received.firstIndex(of: 0x0a) {
            let isAnswer = received[..<end].elementsEqual(line)
            received.removeSubrange(...end)
            guard isAnswer else { continue }
            deadline = nil
            pause = number % 20
            return true
        }
        return false
    }

    /// Closes, unless an answer is still to come.
    ///
    /// - Returns: Whether it has left.
    func leave() -> Bool {
        guard deadline == nil else { return false }
        socket.close()
        return true
    }
}
