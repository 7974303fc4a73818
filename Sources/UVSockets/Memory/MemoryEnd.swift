/// One end of a stream in memory. It belongs to a ``MemoryHandle`` of a connection, or to a test's
/// peer.
package final class MemoryEnd {
    /// What the other end has sent.
    package var incoming = MemoryLane()
    /// The address of this end.
    let address: SocketAddress
    /// Called when bytes came, when there is room for more, or when the other end has ended.
    package var onChange: (() -> Void)?
    /// Whether the other end has reset the stream.
    package private(set) var isReset = false
    package private(set) var isClosed = false
    /// The other end. The two keep each other alive until both are closed.
    private var other: MemoryEnd?
    /// The address of the other end.
    let peer: SocketAddress
    /// Where the server listens.
    let listenedAt: UVEndpoint

    private init(_ address: SocketAddress, peer: SocketAddress, _ listenedAt: UVEndpoint) {
        self.address = address
        self.peer = peer
        self.listenedAt = listenedAt
    }

    /// Makes a stream.
    static func pair(
        _ client: SocketAddress, _ server: SocketAddress, at listenedAt: UVEndpoint
    ) -> (MemoryEnd, MemoryEnd) {
        let ends = (
            MemoryEnd(client, peer: server, listenedAt),
            MemoryEnd(server, peer: client, listenedAt)
        )
        ends.0.other = ends.1
        ends.1.other = ends.0
        return ends
    }

    /// The address of the other end as an endpoint.
    package var peerEndpoint: UVEndpoint { peer.endpoint }
    /// The address of this end as an endpoint.
    package var endpoint: UVEndpoint { address.endpoint }

    /// What this end has sent.
    package var outgoing: MemoryLane {
        get { other?.incoming ?? MemoryLane() }
        set { other?.incoming = newValue }
    }

    /// Sends as many bytes as there is room for.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - piece: The most of these bytes that one read brings.
    /// - Returns: How many bytes were taken; nil if the other end is gone.
    package func send(_ bytes: some Collection<UInt8>, piece: Int = .max) -> Int? {
        guard let other, !isReset, !other.incoming.isFinished else { return nil }
        // A Unix-domain socket whose peer has closed takes nothing.
        if other.isClosed, address.isUnix { return nil }
        guard !other.isClosed else {
            // A kernel answers bytes to a closed socket with a reset.
            isReset = true
            onChange?()
            return bytes.count
        }
        let count = other.incoming.write(bytes, piece: piece)
        if count > 0 { other.onChange?() }
        return count
    }

    /// Takes the bytes that one read brings.
    package func receive(atMost limit: Int = .max) -> [UInt8] {
        let wasFull = incoming.room == 0
        let bytes = incoming.read(atMost: limit)
        if wasFull, !bytes.isEmpty { other?.onChange?() }
        return bytes
    }

    /// Tells the other end that a limit has changed, so there may be room again.
    package func limitsChanged() {
        other?.onChange?()
    }

    /// Finishes sending.
    package func finish() {
        guard let other, !other.incoming.isFinished else { return }
        other.incoming.finish()
        other.onChange?()
    }

    /// Closes this end. The other end sees a reset if `byReset` is true, or if bytes were left
    /// unread here.
    package func close(byReset: Bool) {
        guard !isClosed else { return }
        isClosed = true
        onChange = nil
        guard let other else { return }
        // A Unix-domain socket has no reset of its own; it tells of bytes that were left unread.
        if byReset && !address.isUnix || incoming.count > 0 {
            other.isReset = true
            other.onChange?()
        } else {
            finish()
        }
        if other.isClosed {
            self.other = nil
            other.other = nil
        }
    }

    /// Whether both ends are closed.
    var isForgotten: Bool { isClosed && other == nil }

    /// The network has ended: both ends hear no more, and let go of each other.
    func networkEnded() {
        for end in [self, other].compactMap(\.self) {
            end.onChange = nil
            end.other = nil
        }
    }
}
