internal import UVSockets

/// The part of a ``UVTestPeer`` that works by itself. It reads what comes, and sends what had to wait.
///
/// The network keeps it while the stream is open, even if the test releases the peer.
final class PeerProcess {
    let stream: MemoryEnd
    private unowned let network: MemoryNetwork
    private(set) var received: [UInt8] = []
    /// The bytes that wait for room, and how many of them are one read.
    private var unsent: [(bytes: ArraySlice<UInt8>, piece: Int)] = []
    private var isFinishing = false
    /// Whether it closes as soon as nothing is left to be sent.
    private var isClosing = false
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
        guard !isGone, !isFinishing, !isClosing else { return }
        unsent.append((bytes[...], piece))
        sendMore()
    }

    func finish() {
        isFinishing = true
        sendMore()
    }

    func read(_ count: Int) {
        var left = count
        while !isGone, !isClosing, left > 0, stream.incoming.count > 0 {
            let bytes = stream.receive(atMost: left)
            received += bytes
            left -= bytes.count
        }
    }

    func take() -> [UInt8] {
        defer { received = [] }
        return received
    }

    func close() {
        isClosing = true
        sendMore()
    }

    /// Neither sends nor reads from here on.
    func end(_ how: (MemoryEnd) -> Void) {
        guard !isGone else { return }
        isGone = true
        unsent = []
        how(stream)
    }

    private func sendMore() {
        guard !isGone else { return }
        while let (bytes, piece) = unsent.first {
            guard let count = stream.send(bytes, piece: piece) else {
                unsent = []
                break
            }
            guard count > 0 || bytes.isEmpty else { return }
            if count < bytes.count {
                unsent[0].bytes = bytes.dropFirst(count)
            } else {
                unsent.removeFirst()
            }
        }
        if isFinishing { stream.finish() }
        if isClosing { end { $0.close(byReset: false) } }
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
        if isReading { read(.max) }
        sendMore()
    }
}
