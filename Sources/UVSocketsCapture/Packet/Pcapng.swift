/// The blocks and options of a pcapng file (draft-ietf-opsawg-pcapng).
enum Pcapng {
    static let sectionHeader: UInt32 = 0x0A0D_0D0A
    static let byteOrder: UInt32 = 0x1A2B_3C4D
    static let interface: UInt32 = 1
    static let simplePacket: UInt32 = 3
    static let statistics: UInt32 = 5
    static let enhancedPacket: UInt32 = 6

    static let comment: UInt16 = 1
    static let flags: UInt16 = 2
    static let dropCount: UInt16 = 4
    static let application: UInt16 = 4
    static let timeResolution: UInt16 = 9

    /// Packets that begin with an IP header, IPv4 or IPv6.
    static let rawLink: UInt16 = 101

    /// Writes a block: its type, its length, its body padded to 4 bytes, and its length again.
    static func write(
        _ type: UInt32, to bytes: inout [UInt8], _ body: (inout [UInt8]) -> Void
    ) {
        let start = bytes.count
        bytes.append(little: type)
        bytes.append(little: UInt32(0))
        body(&bytes)
        pad(&bytes, from: start)
        let length = UInt32(bytes.count - start + 4)
        for index in 0..<4 {
            bytes[start + 4 + index] = UInt8(truncatingIfNeeded: length >> (8 * index))
        }
        bytes.append(little: length)
    }

    /// How many bytes at the begin are whole blocks, and how many of these are packets.
    static func wholeBlocks(of bytes: ArraySlice<UInt8>) -> (bytes: Int, packets: UInt64) {
        let reader = ByteReader(bytes: bytes, isBigEndian: false)
        var (end, packets) = (0, UInt64(0))
        while let type = reader.number32(end), let length = reader.number32(end + 4),
            length >= 12, reader.part(end, Int(length)) != nil
        {
            if type == enhancedPacket { packets += 1 }
            end += Int(length)
        }
        return (end, packets)
    }

    static func pad(_ bytes: inout [UInt8], from start: Int) {
        while (bytes.count - start) % 4 != 0 { bytes.append(0) }
    }

    static func writeOption(_ code: UInt16, _ value: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(little: code)
        bytes.append(little: UInt16(value.count))
        let start = bytes.count
        bytes += value
        pad(&bytes, from: start)
    }

    static func writeOption(_ code: UInt16, _ text: String, to bytes: inout [UInt8]) {
        writeOption(code, Array(text.utf8), to: &bytes)
    }

    static func writeOption(_ code: UInt16, _ number: UInt32, to bytes: inout [UInt8]) {
        var value: [UInt8] = []
        value.append(little: number)
        writeOption(code, value, to: &bytes)
    }

    static func writeOption(_ code: UInt16, _ number: UInt64, to bytes: inout [UInt8]) {
        var value: [UInt8] = []
        value.append(little: number)
        writeOption(code, value, to: &bytes)
    }

    /// Writes a number of nanoseconds as its upper and its lower half.
    static func writeTime(_ time: UInt64, to bytes: inout [UInt8]) {
        bytes.append(little: UInt32(time >> 32))
        bytes.append(little: UInt32(truncatingIfNeeded: time))
    }

    static func endOptions(_ bytes: inout [UInt8]) {
        bytes.append(little: UInt32(0))
    }
}
