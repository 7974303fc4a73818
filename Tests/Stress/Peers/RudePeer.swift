/// A plain peer that behaves badly, in one way, for a while.
final class RudePeer {
    /// What it does.
    enum Manners: CaseIterable {
        /// Reads, and does not close when the other end has finished.
        case ignoresEnd
        /// Sends a little, and never reads.
        case deaf
        /// Sends as much as the kernel takes, and never reads.
        case floods
        /// The same, and reads a little.
        case floodsAndReads
        /// Sends a byte at a time.
        case dribbles
        /// Sends a little, and resets.
        case resets
        /// Sends, finishes, and reads to the end.
        case finishes
        /// Sends what is no message of any framing.
        case babbles
        /// Closes at once.
        case vanishes
        /// Sends lines, reads all, closes when the other end has finished.
        case behaves
    }

    private let socket: RawSocket
    private let manners: Manners
    private var random: SplitMix64
    private var stepsLeft: Int
    private var hasFinished = false

    init(_ socket: RawSocket, _ random: inout SplitMix64) {
        self.socket = socket
        manners = random.pick(Manners.allCases)
        stepsLeft = manners == .vanishes ? 0 : random.number(5...400)
        self.random = SplitMix64(seed: random.next())
    }

    /// Does what it does next.
    ///
    /// - Returns: Whether it goes on.
    func step() -> Bool {
        stepsLeft -= 1
        guard stepsLeft > 0 else { return end() }
        switch manners {
        case .ignoresEnd:
            chat()
            _ = socket.read()
        case .deaf: chat()
        case .floods: flood()
        case .floodsAndReads:
            flood()
            _ = socket.read()
        case .dribbles:
            socket.write([0x78])
            if random.once(in: 20) { socket.write([0x0a]) }
        case .resets: chat()
        case .finishes: return finish()
        case .babbles: socket.write((0..<40).map { _ in UInt8.random(in: 0...255, using: &random) })
        case .vanishes: return end()
        case .behaves:
            chat()
            if socket.read() == nil { return end() }
        }
        return true
    }

    private func chat() {
        if random.once(in: 8) { socket.write(Array("hello\n".utf8)) }
    }

    private func flood() {
        socket.write([UInt8](repeating: 0x0a, count: random.pick([1, 500, 60_000])))
    }

    private func finish() -> Bool {
        if !hasFinished {
            socket.write(Array("hello\nworld\n".utf8))
            socket.finish()
            hasFinished = true
        }
        return socket.read() != nil || end()
    }

    private func end() -> Bool {
        manners == .resets || random.once(in: 6) ? socket.reset() : socket.close()
        return false
    }
}
