/// The sum of an internet checksum (RFC 1071): 16-bit words, added with the carry at the end.
struct Checksum {
    private var sum: UInt64 = 0

    /// Adds bytes. Only the last ones that are added may be of an odd number.
    mutating func add(_ bytes: some RandomAccessCollection<UInt8>) {
        var iterator = bytes.makeIterator()
        while let high = iterator.next() {
            sum += UInt64(high) << 8 | UInt64(iterator.next() ?? 0)
        }
    }

    mutating func add(_ bytes: Span<UInt8>) {
        var index = 0
        let even = bytes.count & ~1
        while index < even {
            sum += UInt64(bytes[index]) << 8 | UInt64(bytes[index + 1])
            index += 2
        }
        if even < bytes.count { sum += UInt64(bytes[even]) << 8 }
    }

    mutating func add(_ word: UInt16) {
        sum += UInt64(word)
    }

    /// The sum of 16 bits.
    var folded: UInt16 {
        var sum = sum
        while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
        return UInt16(sum)
    }

    /// What stands in the packet.
    var value: UInt16 { ~folded }
}
