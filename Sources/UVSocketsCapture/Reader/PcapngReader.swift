/// Finds the packets of a pcapng file. It understands both byte orders, and skips blocks that it does
/// not know. At a block that cannot be one it stops.
struct PcapngReader {
    /// The longest block that is believed: 16 MiB.
    private static let longestBlock = 16 << 20
    /// How many interfaces a section may have.
    private static let mostInterfaces = 65_536

    /// A packet, as the file has it.
    struct Packet {
        var link: UInt16
        /// When, in nanoseconds; nil if the file does not say.
        var time: UInt64?
        var bytes: ArraySlice<UInt8>
        /// How many bytes it really had.
        var length: Int
        var comments: [String] = []
        /// Whether the captured side has sent it; nil if the file does not say.
        var isOut: Bool?
    }

    private struct Interface {
        let link: UInt16
        let snapLength: UInt32
        let resolution: UInt8
    }

    private struct Block {
        let type: UInt32
        let body: ByteReader
    }

    private let bytes: [UInt8]
    private var offset = 0
    private var isBigEndian = false
    private var interfaces: [Interface] = []
    private(set) var isCutOff = false
    private(set) var drops: UInt64 = 0
    private(set) var application: String?

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Why the bytes are not a pcapng file; nil if they may be one.
    var whyNot: String? {
        let reader = ByteReader(bytes: bytes[...])
        switch reader.number32(0) {
        case Pcapng.sectionHeader:
            return byteOrder(at: 8) == nil ? "its first block says no byte order" : nil
        case 0xA1B2_C3D4, 0xD4C3_B2A1, 0xA1B2_3C4D, 0x4D3C_B2A1:
            return "it is pcap, not pcapng; editcap -F pcapng IN OUT converts it"
        case nil: return "it has \(bytes.count) bytes, too few for a pcapng file"
        default: return "it is not a pcapng file"
        }
    }

    private func byteOrder(at index: Int) -> Bool? {
        switch ByteReader(bytes: bytes[...]).number32(index) {
        case Pcapng.byteOrder: true
        case Pcapng.byteOrder.byteSwapped: false
        default: nil
        }
    }

    /// The next packet; nil at the end.
    mutating func next() -> Packet? {
        while let block = nextBlock() {
            switch block.type {
            case Pcapng.sectionHeader: readSection(block.body)
            case Pcapng.interface: readInterface(block.body)
            case Pcapng.statistics: readStatistics(block.body)
            case Pcapng.enhancedPacket:
                if let packet = enhancedPacket(block.body) { return packet }
            case Pcapng.simplePacket:
                if let packet = simplePacket(block.body) { return packet }
            default: continue
            }
        }
        return nil
    }

    private mutating func nextBlock() -> Block? {
        guard offset < bytes.count, !isCutOff else { return nil }
        isCutOff = true
        var reader = ByteReader(bytes: bytes[offset...], isBigEndian: isBigEndian)
        guard let type = reader.number32(0) else { return nil }
        if type == Pcapng.sectionHeader {
            guard let order = byteOrder(at: offset + 8) else { return nil }
            isBigEndian = order
            reader.isBigEndian = order
        }
        guard let length = reader.number32(4).map(Int.init), length >= 12, length % 4 == 0,
            length <= Self.longestBlock, let body = reader.part(8, length - 12),
            reader.number32(length - 4).map(Int.init) == length
        else { return nil }
        isCutOff = false
        offset += length
        return Block(type: type, body: ByteReader(bytes: body, isBigEndian: isBigEndian))
    }

    // MARK: - Blocks

    private mutating func readSection(_ body: ByteReader) {
        interfaces = []
        for (code, value) in options(body, from: 16) where code == Pcapng.application {
            application = text(value.bytes)
        }
    }

    private mutating func readInterface(_ body: ByteReader) {
        guard let link = body.number16(0), let snapLength = body.number32(4),
            interfaces.count < Self.mostInterfaces
        else { return }
        var resolution: UInt8 = 6
        for (code, value) in options(body, from: 8) where code == Pcapng.timeResolution {
            resolution = value[0] ?? resolution
        }
        interfaces.append(
            Interface(link: link, snapLength: snapLength, resolution: resolution))
    }

    private mutating func readStatistics(_ body: ByteReader) {
        for (code, value) in options(body, from: 12) where code == 5 {
            drops = drops.addingReportingOverflow(value.number64(0) ?? 0).partialValue
        }
    }

    private func enhancedPacket(_ body: ByteReader) -> Packet? {
        guard let number = body.number32(0).map(Int.init), number < interfaces.count,
            let high = body.number32(4), let low = body.number32(8),
            let captured = body.number32(12).map(Int.init),
            let length = body.number32(16).map(Int.init),
            let bytes = body.part(20, captured)
        else { return nil }
        let interface = interfaces[number]
        var packet = Packet(
            link: interface.link,
            time: Self.nanoseconds(UInt64(high) << 32 | UInt64(low), interface.resolution),
            bytes: bytes, length: max(length, captured))
        for (code, value) in options(body, from: 20 + (captured + 3) / 4 * 4) {
            switch code {
            case Pcapng.comment: packet.comments.append(text(value.bytes))
            case Pcapng.flags:
                let direction = (value.number32(0) ?? 0) & 3
                packet.isOut = direction == 2 ? true : direction == 1 ? false : nil
            default: continue
            }
        }
        return packet
    }

    private func simplePacket(_ body: ByteReader) -> Packet? {
        guard let interface = interfaces.first, let length = body.number32(0).map(Int.init) else {
            return nil
        }
        let snap = interface.snapLength == 0 ? Int.max : Int(interface.snapLength)
        guard let bytes = body.part(4, min(length, snap, body.count - 4)) else { return nil }
        return Packet(link: interface.link, bytes: bytes, length: length)
    }

    // MARK: - Options

    private func options(_ body: ByteReader, from start: Int) -> [(UInt16, ByteReader)] {
        var options: [(UInt16, ByteReader)] = []
        var index = start
        while let code = body.number16(index), code != 0,
            let length = body.number16(index + 2).map(Int.init),
            let value = body.part(index + 4, length)
        {
            options.append((code, ByteReader(bytes: value, isBigEndian: isBigEndian)))
            index += 4 + (length + 3) / 4 * 4
        }
        return options
    }

    private func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// Turns a time of an interface into nanoseconds. What is beyond them counts as the last.
    static func nanoseconds(_ time: UInt64, _ resolution: UInt8) -> UInt64 {
        let exponent = Int(resolution & 0x7f)
        if resolution & 0x80 != 0 {
            guard exponent < 64 else { return 0 }
            let product = time.multipliedFullWidth(by: 1_000_000_000)
            guard exponent > 0 else { return product.high > 0 ? .max : product.low }
            return product.high >> exponent > 0
                ? .max : product.high << (64 - exponent) | product.low >> exponent
        }
        if exponent <= 9 {
            let product = time.multipliedReportingOverflow(by: power(9 - exponent))
            return product.overflow ? .max : product.partialValue
        }
        return exponent <= 28 ? time / power(exponent - 9) : 0
    }

    private static func power(_ exponent: Int) -> UInt64 {
        (0..<exponent).reduce(1) { power, _ in power * 10 }
    }
}
