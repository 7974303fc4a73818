extension String {
    /// Makes a string of bytes that are meant as UTF-8; what is not is replaced by U+FFFD.
    ///
    /// - Parameter bytes: The bytes, as a handler gets them.
    public init(decoding bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension Array<UInt8> {
    /// Copies the bytes, to keep them beyond the handler that got them.
    ///
    /// - Parameter bytes: The bytes, as a handler gets them.
    public init(copying bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }
}
