/// One end of a stream in memory. A connection has it by its ``MemoryHandle``; a test has it by its peer.
package final class MemoryEnd {
    /// What the other end has sent.
    package var incoming = MemoryLane()
    /// The address of this end.
    let address: SocketAddress
    /// Bytes came, or there is room for more, or the other end has ended.
    package var onChange: (() -> Void)?
    /// Whether the other end has given the stream up.
    package private(set) var isReset = false
    package private(set) var isClosed = false
    /// The two keep each other until one of them is closed.
    private var other: MemoryEnd?
    private let otherAddress: SocketAddress

    private init(_ address: SocketAddress, peer: SocketAddress) {
        self.address = address
        otherAddress = peer
    }

    /// Makes a stream.
    static func pair(_ one: SocketAddress, _ other: SocketAddress) -> (MemoryEnd, MemoryEnd) {
        let ends = (MemoryEnd(one, peer: other), MemoryEnd(other, peer: one))
        ends.0.other = ends.1
        ends.1.other = ends.0
        return ends
    }

    /// The address of the other end.
    var peer: SocketAddress { otherAddress }
    /// The same as an endpoint.
    package var peerEndpoint: UVEndpoint { peer.endpoint }
    /// The address of this end as an endpoint.
    package var endpoint: UVEndpoint { address.endpoint }

    /// What this end has sent.
    package var outgoing: MemoryLane {
        get { other?.incoming ?? MemoryLane() }
        set { other?.incoming = newValue }
    }

    /// Sends what there is room for.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - piece: How many of them one read brings at most.
    /// - Returns: How many bytes were taken; nil where the other end is gone.
    package func send(_ bytes: some Collection<UInt8>, piece: Int = .max) -> Int? {
        guard let other, !isReset, !other.incoming.isFinished else { return nil }
        guard !other.isClosed else {
            // A kernel answers bytes for a socket that is closed with a reset.
            isReset = true
            onChange?()
            return bytes.count
        }
        let count = other.incoming.write(bytes, piece: piece)
        if count > 0 { other.onChange?() }
        return count
    }

    /// Takes what one read brings.
    package func receive(atMost limit: Int = .max) -> [UInt8] {
        let wasFull = incoming.room == 0
        let bytes = incoming.read(atMost: limit)
        if wasFull, !bytes.isEmpty { other?.onChange?() }
        return bytes
    }

    /// There may be room again, because a limit has changed.
    package func limitsChanged() {
        other?.onChange?()
    }

    /// Sends no more.
    package func finish() {
        guard let other, !other.incoming.isFinished else { return }
        other.incoming.finish()
        other.onChange?()
    }

    /// Closes this end. The other sees a reset where it is asked for, or where this has left bytes unread.
    package func close(byReset: Bool) {
        guard !isClosed else { return }
        isClosed = true
        onChange = nil
        guard let other else { return }
        if byReset || incoming.count > 0 {
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
}
