/// The sum of an internet checksum (RFC 1071): 16-bit words, added with the carry at the end.
struct Checksum {
    /// The sum of words in this machine's byte order. The order of the bytes does not matter to the
    /// carry (RFC 1071 §2), so the result is turned only once.
    private var sum: UInt64 = 0

    /// Adds bytes. Only the last ones that are added may be of an odd number.
    mutating func add(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { unsafe add($0) }
    }

    mutating func add(_ bytes: ArraySlice<UInt8>) {
        unsafe bytes.withUnsafeBytes { unsafe add($0) }
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var total: UInt64 = 0
        var index = 0
        // The halves of a sum of 32-bit words cannot overflow: a chunk has fewer than 2^32 of them.
        while index &+ 8 <= bytes.count {
            let words = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            total &+= (words & 0xffff_ffff) &+ (words >> 32)
            index &+= 8
        }
        while index &+ 2 <= bytes.count {
            total &+= UInt64(unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt16.self))
            index &+= 2
        }
        if index < bytes.count {
            total &+= UInt64(UInt16(bigEndian: UInt16(unsafe bytes[index]) << 8))
        }
        sum += UInt64(Self.fold(total))
    }

    /// Adds a folded sum.
    mutating func add(_ folded: UInt16) {
        sum += UInt64(UInt16(bigEndian: folded))
    }

    private static func fold(_ sum: UInt64) -> UInt16 {
        var sum = sum
        while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
        return UInt16(sum)
    }

    /// The sum of 16 bits.
    var folded: UInt16 { UInt16(bigEndian: Self.fold(sum)) }

    /// What stands in the packet.
    var value: UInt16 { ~folded }
}
