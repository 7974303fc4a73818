import UVSockets

/// A well-behaved client: it sends a line, and reads until that has come back.
///
/// It reads all that comes, but slowly and with little room, so that its server has to queue long lines and
/// to hold it back meanwhile.
final class SteadyClient {
    private let scene: Scene
    private let endpoint: UVEndpoint
    private let socket: RawSocket
    private var random: SplitMix64
    private var number = 0
    private var line: [UInt8] = []
    /// What is still to be sent of the line.
    private var unsent: ArraySlice<UInt8> = []
    private var received: [UInt8] = []
    /// How many of the received bytes hold no end of a line.
    private var scanned = 0
    /// When the answer is overdue, unless more bytes come before.
    ///
    /// With so little room the kernel hands on a few KiB at a time, and probes a full window seconds apart: a
    /// long line is slow, but it comes.
    private var deadline: ContinuousClock.Instant?
    private var pause = 0

    init(_ scene: Scene, _ endpoint: UVEndpoint, _ seed: UInt64) {
        self.scene = scene
        self.endpoint = endpoint
        random = SplitMix64(seed: seed)
        guard let socket = RawSocket(connectingTo: endpoint.port, room: 16_384) else {
            scene.fault("a steady client cannot connect to \(endpoint)")
        }
        self.socket = socket
    }

    /// Goes on: sends, and looks for what was sent.
    ///
    /// - Returns: How many answers have come.
    func step() -> Int {
        pause -= 1
        guard pause < 0 else { return 0 }
        guard let bytes = socket.read() else {
            scene.fault(
                "a steady client of \(endpoint) was closed, before line \(number) came back")
        }
        received += bytes
        if deadline != nil, !bytes.isEmpty { deadline = .now + scene.patience }
        guard let deadline else {
            ask()
            return 0
        }
        unsent = unsent.dropFirst(max(0, socket.write(Array(unsent.prefix(65_536)))))
        if takeAnswer() { return 1 }
        if ContinuousClock.now > deadline {
            scene.fault("nothing comes of line \(number) for a steady client of \(endpoint)")
        }
        if random.once(in: 200) { pause = 50 }
        return 0
    }

    private func ask() {
        number += 1
        let padding = random.pick([0, 0, 0, 5000, 60_000])
        line = Array("steady \(number) ".utf8) + [UInt8](repeating: 0x2e, count: padding)
        unsent = line + [0x0a]
        deadline = .now + scene.patience
    }

    /// Looks through the lines that have come: most of them are noise.
    private func takeAnswer() -> Bool {
        while let end = received[scanned...].firstIndex(of: 0x0a) {
            let isAnswer = received[..<end].elementsEqual(line)
            received.removeSubrange(...end)
            scanned = 0
            guard isAnswer else { continue }
            deadline = nil
            pause = random.number(0...20)
            return true
        }
        scanned = received.count
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
