extension Array<UInt8> {
    /// Adds a copy of the bytes.
    package mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Becomes a copy of the bytes. It reuses its memory if they fit and no other array shares it.
    @inline(__always)
    mutating func become(_ bytes: Span<UInt8>) {
        // If another array shares the memory, this write copies the old bytes first. For few bytes
        // that is cheaper than to empty the array.
        guard bytes.count <= 1024 else {
            removeAll(keepingCapacity: true)
            return append(copying: bytes)
        }
        if count > bytes.count { removeLast(count - bytes.count) }
        let common = count
        unsafe withUnsafeMutableBytes { old in
            unsafe bytes.withUnsafeBytes { new in
                unsafe old.copyMemory(from: .init(rebasing: new[..<common]))
            }
        }
        if common < bytes.count { append(copying: bytes.extracting(common...)) }
    }
}
