/// Bytes that wait to be sent, in one allocation that never moves.
///
/// Bytes are only added at the end, so the kernel may read the front while the back still fills. No
/// more bytes are added to a buffer that several connections share.
@safe final class SendBuffer {
    let capacity: Int
    /// The topic of the message. A later message with the same key may replace this one. Only a
    /// whole message has a key.
    let key: String?
    private(set) var count = 0
    private let storage: UnsafeMutableRawPointer
    /// The buffer that owns the storage; nil if this buffer does.
    private let owner: SendBuffer?

    /// Makes an empty buffer.
    init(capacity: Int, key: String? = nil) {
        self.capacity = capacity
        self.key = key
        owner = nil
        unsafe storage = .allocate(byteCount: capacity, alignment: 16)
    }

    /// Makes a full buffer that shares the bytes of another buffer. No more bytes may be added to
    /// that.
    ///
    /// Nothing is copied. A loop counts the references to its own buffer only. So the reference
    /// count of the other stays unchanged, and other loops need not wait for it.
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

    /// Makes a full buffer of a copy of a payload between its prefix and suffix.
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
    /// - Returns: How many were added.
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

    /// The address of the bytes. It is valid while the buffer is referenced.
    var base: UnsafeRawPointer { unsafe UnsafeRawPointer(storage) }

    /// Reads a range of the bytes.
    func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        let bytes = unsafe UnsafeRawBufferPointer(
            start: base + range.lowerBound, count: range.count)
        return unsafe bytes.withMemoryRebound(to: UInt8.self) { unsafe body($0.span) }
    }
}
