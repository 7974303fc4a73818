public import UVSockets

/// The other end of a connection under test.
///
/// A test decides what it sends, how the bytes are cut, how much it reads, and how it ends. It reads
/// everything that comes, unless ``isReading`` is false. The connection sees what the peer does in
/// the next ``UVTestNetwork/run()``.
public final class UVTestPeer {
    /// How the stream from the connection under test has ended.
    public enum End: Sendable {
        /// It has not ended.
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

    /// Whether it reads. If it does not, its kernel takes ``receiveBuffer`` more bytes, and then
    /// nothing.
    public var isReading: Bool {
        get { process.isReading }
        set { process.isReading = newValue }
    }

    // MARK: - Sending

    /// Sends bytes. If the connection's kernel has no room for them, they wait.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - piece: How many bytes the connection gets in one read, at least 1. By default it gets as
    ///     many as fit.
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

    /// Sends a text, runs the network, and takes the answer.
    ///
    /// - Parameter text: The text.
    /// - Returns: Everything that was received, as text.
    public func exchange(_ text: String) -> String {
        send(text)
        network.run()
        return takeText()
    }

    // MARK: - Receiving

    /// Reads once. Use it while ``isReading`` is false, to read slowly.
    ///
    /// - Parameter count: The most bytes to read of those that its kernel holds.
    public func read(_ count: Int) {
        process.read(count)
    }

    /// The bytes that it has received and nobody has taken.
    public var received: [UInt8] { process.received }

    /// The bytes that it has received and nobody has taken, as text.
    public var receivedText: String { String(decoding: received, as: UTF8.self) }

    /// Takes the bytes that it has received. After that, ``received`` is empty.
    ///
    /// - Returns: The bytes.
    public func take() -> [UInt8] {
        process.take()
    }

    /// Takes the bytes that it has received, as text.
    ///
    /// - Returns: The text.
    public func takeText() -> String {
        String(decoding: take(), as: UTF8.self)
    }

    /// How many bytes its kernel holds while it does not read. The default is 64 KiB. These bytes count
    /// as acknowledged.
    public var receiveBuffer: Int {
        get { stream.incoming.receiveRoom }
        set {
            stream.incoming.receiveRoom = max(0, newValue)
            stream.limitsChanged()
        }
    }

    /// How many more bytes the kernel of the connection under test holds for it. The default is 64 KiB.
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

    /// How the stream from the connection has ended. The end counts when all bytes before it were read.
    public var end: End {
        if stream.isReset { return .reset }
        return stream.incoming.isFinished && stream.incoming.count == 0 ? .finished : .open
    }

    /// Its address, as the connection under test sees it.
    public var endpoint: UVEndpoint { stream.endpoint }

    // MARK: - Its end

    /// Finishes sending, after everything that was sent before. It still receives.
    public func finish() {
        process.finish()
    }

    /// Closes its end, after everything that was sent before. Nothing is read any more.
    ///
    /// The connection sees a reset if it sends more, or if bytes were left unread here.
    public func close() {
        process.close()
    }

    /// Resets the connection. Bytes that wait to be sent are lost.
    ///
    /// A Unix-domain socket has no reset: its other end sees the end of the stream.
    public func reset() {
        process.end { $0.close(byReset: true) }
    }

    /// Disappears, like a machine whose power has failed. It sends nothing, reads nothing, and
    /// acknowledges nothing. The connection notices only if it sends something.
    public func vanish() {
        process.end { $0.incoming.isDead = true }
    }
}
