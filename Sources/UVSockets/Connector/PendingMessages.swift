/// Messages that wait for a connection, in their order, and as many as fit.
///
/// They are kept as they were given: how they are framed is the connection's to say, which does not
/// exist yet.
struct PendingMessages {
    /// What a message takes besides its bytes.
    private static let overhead = MemoryLayout<Int>.size

    /// The most ``size`` there may be.
    let limit: Int
    private var payloads: [UInt8] = []
    private var lengths: [Int] = []

    init(limit: Int) {
        precondition(limit >= 0, "UVConnector: the queueLimit must not be below 0")
        self.limit = limit
    }

    var count: Int { lengths.count }
    var isEmpty: Bool { lengths.isEmpty }
    /// The bytes of all messages, and 8 for each.
    var size: Int { payloads.count + lengths.count * Self.overhead }
    /// Whether there is so much that whoever sends should hold back.
    var isHigh: Bool { size > limit / 2 }

    /// Takes a message, where it fits.
    ///
    /// - Returns: Whether it did.
    mutating func append(_ message: Span<UInt8>) -> Bool {
        guard message.count <= limit - size - Self.overhead else { return false }
        payloads.append(copying: message)
        lengths.append(message.count)
        return true
    }

    /// Hands out the messages, and keeps those from the first on that was not accepted.
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

    /// Drops everything, and the memory.
    mutating func removeAll() {
        payloads = []
        lengths = []
    }
}
