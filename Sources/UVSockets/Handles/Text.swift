extension String {
    /// Makes a string from UTF-8 bytes. Bytes that are not valid UTF-8 become U+FFFD.
    ///
    /// - Parameter bytes: The message, as a handler gets it.
    public init(message bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension String {
    /// Makes a string from UTF-8 bytes. Bytes that are not valid UTF-8 become U+FFFD.
    ///
    /// - Parameter bytes: The message, as a task gets it.
    public init(message bytes: [UInt8]) {
        self.init(decoding: bytes, as: UTF8.self)
    }
}

extension Array<UInt8> {
    /// Copies the bytes of a message, to keep them after the handler has returned.
    ///
    /// - Parameter bytes: The message, as a handler gets it.
    public init(message bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }
}
