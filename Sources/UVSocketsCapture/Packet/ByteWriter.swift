extension Array<UInt8> {
    /// Adds a number in network order.
    mutating func append(big value: some FixedWidthInteger & UnsignedInteger) {
        var shift = value.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// Adds a number, the lowest byte first.
    mutating func append(little value: some FixedWidthInteger & UnsignedInteger) {
        var shift = 0
        while shift < value.bitWidth {
            append(UInt8(truncatingIfNeeded: value >> shift))
            shift += 8
        }
    }

    /// Replaces two bytes by a number in network order.
    mutating func replace(at index: Int, big value: UInt16) {
        self[index] = UInt8(value >> 8)
        self[index + 1] = UInt8(truncatingIfNeeded: value)
    }
}
