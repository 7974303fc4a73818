/// Reads numbers from bytes. What lies outside of the bytes is nil.
struct ByteReader {
    let bytes: ArraySlice<UInt8>
    var isBigEndian = true

    var count: Int { bytes.count }

    subscript(index: Int) -> UInt8? {
        index >= 0 && index < bytes.count ? bytes[bytes.startIndex + index] : nil
    }

    func number16(_ index: Int) -> UInt16? {
        number(index, 2).map(UInt16.init(truncatingIfNeeded:))
    }

    func number32(_ index: Int) -> UInt32? {
        number(index, 4).map(UInt32.init(truncatingIfNeeded:))
    }

    func number64(_ index: Int) -> UInt64? { number(index, 8) }

    private func number(_ index: Int, _ size: Int) -> UInt64? {
        guard let part = part(index, size) else { return nil }
        return isBigEndian
            ? part.reduce(0) { $0 << 8 | UInt64($1) }
            : part.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The bytes from an index on.
    func part(_ index: Int, _ size: Int) -> ArraySlice<UInt8>? {
        guard index >= 0, size >= 0, size <= bytes.count, index <= bytes.count - size else {
            return nil
        }
        let start = bytes.startIndex + index
        return bytes[start..<start + size]
    }
}
