extension String {
    /// Makes a string of bytes that are meant as UTF-8; what is not is replaced by U+FFFD.
    ///
    /// - Parameter bytes: The message, as a handler gets it.
    public init(message bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension Array<UInt8> {
    /// Copies the bytes, to keep them beyond the handler that got them.
    ///
    /// - Parameter bytes: The message, as a handler gets it.
    public init(message bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }
}
