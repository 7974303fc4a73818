/// Bytes that wait to be sent, in one allocation that never moves.
///
/// Bytes are only ever added behind those that are there, so the kernel may read the front while
/// the back still fills. A buffer that several connections share is not added to any more.
@safe final class SendBuffer {
    let capacity: Int
    /// What the bytes are the latest of; only a whole message has one.
    let key: String?
    private(set) var count = 0
    private let storage: UnsafeMutableRawPointer
    /// Whose the storage is, where it is another's.
    private let owner: SendBuffer?

    /// Makes an empty buffer.
    init(capacity: Int, key: String? = nil) {
        self.capacity = capacity
        self.key = key
        owner = nil
        unsafe storage = .allocate(byteCount: capacity, alignment: 16)
    }

    /// Makes a full buffer of the bytes of another, to which none are added any more, without copying
    /// them: a loop that counts its references to this one leaves the other's count alone, which
    /// other loops would have to wait for.
    init(sharing other: SendBuffer) {
        capacity = other.count
        count = other.count
        key = other.key
        owner = other
        unsafe storage = other.storage
    }

    /// Makes a full buffer of a copy of the bytes.
    convenience init(copying bytes: Span<UInt8>) {
        self.init(capacity: bytes.count)
        append(bytes)
    }

    /// Makes a full buffer of a copy of a payload between its ends.
    convenience init(
        copying payload: Span<UInt8>, between ends: FrameWrapper, key: String? = nil
    ) {
        self.init(capacity: ends.count + payload.count, key: key)
        ends.prefix.withSpan { _ = append($0) }
        append(payload)
        ends.suffix.withSpan { _ = append($0) }
    }

    deinit {
        if owner == nil { unsafe storage.deallocate() }
    }

    var free: Int { capacity - count }

    /// Adds as many of the bytes as fit.
    ///
    /// - Returns: How many did.
    @discardableResult
    func append(_ bytes: Span<UInt8>) -> Int {
        let taken = min(bytes.count, free)
        unsafe bytes.withUnsafeBytes { source in
            guard let from = source.baseAddress else { return }
            unsafe (storage + count).copyMemory(from: from, byteCount: taken)
        }
        count += taken
        return taken
    }

    /// Where the bytes are; valid while the buffer is referenced.
    var base: UnsafeRawPointer { unsafe UnsafeRawPointer(storage) }

    /// Reads a range of the bytes.
    func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        let bytes = unsafe UnsafeRawBufferPointer(
            start: base + range.lowerBound, count: range.count)
        return unsafe bytes.withMemoryRebound(to: UInt8.self) { unsafe body($0.span) }
    }
}
