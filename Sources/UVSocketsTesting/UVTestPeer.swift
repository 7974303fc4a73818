public import UVSockets

/// The other end of a connection under test. A test says what it sends, how the bytes are cut, what it
/// takes, and how it ends.
///
/// It reads whatever comes, unless ``isReading`` is false. What it does reaches the connection in the
/// next ``UVTestNetwork/run()``.
public final class UVTestPeer {
    /// How the stream from the connection under test has ended.
    public enum End: Sendable {
        /// It has not.
        case open
        /// The connection has finished sending.
        case finished
        /// The connection was reset.
        case reset
    }

    private let network: UVTestNetwork
    private let process: PeerProcess
    private var stream: MemoryEnd { process.stream }

    init(_ end: MemoryEnd, of network: UVTestNetwork) {
        process = PeerProcess(end, in: network.memory)
        self.network = network
    }

    /// Whether it reads. Where it does not, its kernel takes ``receiveBuffer`` bytes more, and then nothing.
    public var isReading: Bool {
        get { process.isReading }
        set { process.isReading = newValue }
    }

    // MARK: - Sending

    /// Sends bytes. What the connection's kernel has no room for waits.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - piece: How many of them the connection gets in one read, at least 1; by default as many as fit.
    public func send(_ bytes: [UInt8], inPiecesOf piece: Int = .max) {
        precondition(piece > 0, "a piece has at least one byte")
        process.send(bytes, inPiecesOf: piece)
    }

    /// Sends a text as UTF-8, as ``send(_:inPiecesOf:)-([UInt8],_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - piece: How many bytes the connection gets in one read, at least 1.
    public func send(_ text: String, inPiecesOf piece: Int = .max) {
        send(Array(text.utf8), inPiecesOf: piece)
    }

    /// Sends a text, lets the network do all that it can do now, and takes what has come.
    ///
    /// - Parameter text: The text.
    /// - Returns: What has come, as text.
    public func exchange(_ text: String) -> String {
        send(text)
        network.run()
        return takeText()
    }

    // MARK: - Receiving

    /// Reads once, where it does not read by itself (``isReading``): so a peer reads slowly.
    ///
    /// - Parameter count: How many bytes at most of what its kernel holds.
    public func read(_ count: Int) {
        process.read(count)
    }

    /// What it has received and nobody has taken.
    public var received: [UInt8] { process.received }

    /// What it has received and nobody has taken, as text.
    public var receivedText: String { String(decoding: received, as: UTF8.self) }

    /// Takes what it has received.
    ///
    /// - Returns: The bytes, which are not among ``received`` any more.
    public func take() -> [UInt8] {
        process.take()
    }

    /// Takes what it has received, as text.
    ///
    /// - Returns: The text.
    public func takeText() -> String {
        String(decoding: take(), as: UTF8.self)
    }

    /// How many bytes its kernel holds while it does not read: 64 KiB at first. They count as acknowledged.
    public var receiveBuffer: Int {
        get { stream.incoming.receiveRoom }
        set {
            stream.incoming.receiveRoom = max(0, newValue)
            stream.limitsChanged()
        }
    }

    /// How many bytes the kernel of the connection under test holds for it beyond that: 64 KiB at first.
    public var sendBuffer: Int {
        get { stream.incoming.sendRoom }
        set {
            stream.incoming.sendRoom = max(0, newValue)
            stream.limitsChanged()
        }
    }

    /// The most bytes that the kernel of the connection under test takes in one write.
    public var longestWrite: Int {
        get { stream.incoming.longestWrite }
        set {
            stream.incoming.longestWrite = max(0, newValue)
            stream.limitsChanged()
        }
    }

    /// How the stream from the connection has ended, for all that this has read.
    public var end: End {
        if stream.isReset { return .reset }
        return stream.incoming.isFinished && stream.incoming.count == 0 ? .finished : .open
    }

    /// Where it comes from, as the connection under test sees it.
    public var endpoint: UVEndpoint { stream.endpoint }

    // MARK: - Its end

    /// Sends no more, behind what was sent before. It still receives.
    public func finish() {
        process.finish()
    }

    /// Closes its end: no more is sent, behind what was sent before, and nothing is read. The connection
    /// sees a reset where it sends more, or where this has left bytes unread.
    public func close() {
        process.close()
    }

    /// Gives the connection up: it sees a reset. What waits to be sent is lost.
    public func reset() {
        process.end { $0.close(byReset: true) }
    }

    /// Is gone without a word, as a machine whose power has failed: it sends nothing, reads nothing, and
    /// acknowledges nothing. Only what is sent to it finds that out.
    public func vanish() {
        process.end { $0.incoming.isDead = true }
    }
}
