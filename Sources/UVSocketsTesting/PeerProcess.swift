internal import UVSockets

/// What a ``UVTestPeer`` does by itself: it reads what comes, and sends what had to wait. The network keeps it
/// while the stream is open, whether or not the test keeps the peer.
final class PeerProcess {
    let stream: MemoryEnd
    private unowned let network: MemoryNetwork
    private(set) var received: [UInt8] = []
    /// What there was no room for yet, and how many bytes of it are one read.
    private var unsent: [(bytes: ArraySlice<UInt8>, piece: Int)] = []
    private var isFinishing = false
    private var isAwake = false
    private var isGone = false

    var isReading = true {
        didSet { wake() }
    }

    init(_ stream: MemoryEnd, in network: MemoryNetwork) {
        self.stream = stream
        self.network = network
        stream.onChange = { [self] in wake() }
    }

    func send(_ bytes: [UInt8], inPiecesOf piece: Int) {
        guard !isGone, !isFinishing else { return }
        unsent.append((bytes[...], piece))
        sendMore()
    }

    func finish() {
        isFinishing = true
        sendMore()
    }

    func take() -> [UInt8] {
        defer { received = [] }
        return received
    }

    /// Neither sends nor reads from here on.
    func end(_ how: (MemoryEnd) -> Void) {
        guard !isGone else { return }
        sendMore()
        isGone = true
        unsent = []
        how(stream)
    }

    private func sendMore() {
        while let (bytes, piece) = unsent.first {
            guard let count = stream.send(bytes, piece: piece) else { return unsent = [] }
            guard count > 0 || bytes.isEmpty else { return }
            if count < bytes.count {
                unsent[0].bytes = bytes.dropFirst(count)
            } else {
                unsent.removeFirst()
            }
        }
        if isFinishing { stream.finish() }
    }

    private func wake() {
        guard !isAwake else { return }
        isAwake = true
        network.wake(self)
    }
}

extension PeerProcess: MemoryActor {
    func proceed() {
        isAwake = false
        guard !isGone else { return }
        while isReading, stream.incoming.count > 0 { received += stream.receive() }
        sendMore()
    }
}
