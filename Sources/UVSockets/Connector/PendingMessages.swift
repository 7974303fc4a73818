/// The messages that wait for a connection, in their order, up to a limit of bytes.
///
/// They are kept without framing. The connection decides the framing, and it does not exist yet.
struct PendingMessages {
    /// The bytes that count for a message in addition to its own.
    private static let overhead = MemoryLayout<Int>.size

    /// The greatest ``size`` allowed.
    let limit: Int
    private var payloads: [UInt8] = []
    private var lengths: [Int] = []

    init(limit: Int) {
        precondition(limit >= 0, "UVConnector: the queueLimit must not be below 0")
        self.limit = limit
    }

    var count: Int { lengths.count }
    var isEmpty: Bool { lengths.isEmpty }
    /// The bytes of all messages, plus 8 for each message.
    var size: Int { payloads.count + lengths.count * Self.overhead }
    /// Whether so much is kept that senders should wait.
    var isHigh: Bool { size > limit / 2 }

    /// Keeps a message if it fits.
    ///
    /// - Returns: Whether it fits.
    mutating func append(_ message: Span<UInt8>) -> Bool {
        guard message.count <= limit - size - Self.overhead else { return false }
        payloads.append(copying: message)
        lengths.append(message.count)
        return true
    }

    /// Hands out the messages in order. At the first one that is not accepted it stops, and keeps
    /// that one and the rest.
    mutating func drain(_ isAccepted: (Span<UInt8>) -> Bool) {
        var sent = 0
        var offset = 0
        for length in lengths {
            guard isAccepted(payloads.span.extracting(offset..<offset + length)) else { break }
            sent += 1
            offset += length
        }
        guard sent < count else { return removeAll() }
        payloads.removeFirst(offset)
        lengths.removeFirst(sent)
    }

    /// Drops all messages and frees the memory.
    mutating func removeAll() {
        payloads = []
        lengths = []
    }
}
