internal import DequeModule

/// One direction of a stream in memory: the bytes that one end has sent and the other has not read.
///
/// It is a pure value. It has room for as much as two kernels hold. The sender's part is the bytes
/// that the receiver has not acknowledged. The receiver's part is the bytes that it has
/// acknowledged.
package struct MemoryLane {
    /// How many bytes the receiver's kernel holds for a reader that does not read.
    package var receiveRoom = 64 * 1024
    /// How many bytes the sender's kernel holds in addition.
    package var sendRoom = 64 * 1024
    /// The most bytes that the kernel takes in one write.
    package var longestWrite = Int.max
    /// Whether the receiver is gone without notice: it reads nothing, and acknowledges nothing.
    package var isDead = false

    private var bytes: [UInt8] = []
    /// Where the unread bytes begin.
    private var start = 0
    /// Where reads end, counted from the beginning of the stream.
    private var cuts = Deque<Int>()
    private var taken = 0
    /// Whether nothing is sent after these bytes.
    package private(set) var isFinished = false

    /// How many bytes are unread.
    package var count: Int { bytes.count - start }
    /// How many bytes the kernel takes now.
    var room: Int { min(longestWrite, max(0, sendRoom + receiveRoom - count)) }
    /// How many bytes the receiver has not acknowledged. The end of the stream counts as one more
    /// byte.
    var unacknowledged: Int {
        let bytes = isDead ? count : max(0, count - receiveRoom)
        return bytes > 0 && isFinished ? bytes + 1 : bytes
    }

    /// Whether nothing more comes.
    var isAtEnd: Bool { isFinished && count == 0 }

    /// Takes as many bytes as there is room for.
    ///
    /// - Parameters:
    ///   - source: The bytes.
    ///   - piece: The most of these bytes that one read brings.
    /// - Returns: How many bytes were taken.
    mutating func write(_ source: some Collection<UInt8>, piece: Int = .max) -> Int {
        let count = min(source.count, room)
        // A cut where nothing was added would be a read of no byte.
        guard count > 0 else { return 0 }
        let end = taken + self.count
        if piece < count {
            cuts.append(contentsOf: stride(from: end + piece, to: end + count, by: piece))
        }
        if piece < .max { cuts.append(end + count) }
        bytes += source.prefix(count)
        return count
    }

    /// Notes that nothing more follows.
    mutating func finish() {
        isFinished = true
    }

    /// Takes the bytes that one read brings.
    mutating func read(atMost limit: Int) -> [UInt8] {
        var count = min(limit, self.count)
        if let cut = cuts.first, cut - taken <= count {
            count = cut - taken
            cuts.removeFirst()
        }
        let piece = Array(bytes[start..<start + count])
        start += count
        taken += count
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        }
        return piece
    }
}
