internal import UVSockets

/// A segment of TCP, taken out of a packet.
struct TCPSegment {
    let source: WireAddress
    let target: WireAddress
    let sequence: UInt32
    let flags: TCPPacket.Flags
    /// The bytes that the file has.
    let payload: ArraySlice<UInt8>
    /// How many bytes it really had, as IP says.
    let length: Int

    /// How many headers between IPv6 and TCP are skipped.
    private static let mostHeaders = 8

    /// Takes a segment out of a packet; nil if it has none.
    init?(_ packet: PcapngReader.Packet) {
        guard let start = Self.startOfIP(packet),
            let bytes = ByteReader(bytes: packet.bytes).part(start, packet.bytes.count - start)
        else { return nil }
        let ip = ByteReader(bytes: bytes)
        // What the sender's card has divided itself says a length of 0.
        let whole = packet.length - start
        switch ip[0].map({ $0 >> 4 }) {
        case 4: self.init(ipv4: ip, whole)
        case 6: self.init(ipv6: ip, whole)
        default: return nil
        }
    }

    /// Where the IP header begins, by the kind of link.
    private static func startOfIP(_ packet: PcapngReader.Packet) -> Int? {
        let reader = ByteReader(bytes: packet.bytes)
        switch packet.link {
        case 101, 228, 229, 12, 14: return 0
        case 0, 108: return 4
        case 113: return 16
        case 276: return 20
        case 1:
            var start = 12
            // A tag of a virtual network, or two.
            for _ in 0..<2 where [0x8100, 0x88a8].contains(reader.number16(start) ?? 0) {
                start += 4
            }
            let type = reader.number16(start) ?? 0
            return type == 0x0800 || type == 0x86dd ? start + 2 : nil
        default: return nil
        }
    }

    private init?(ipv4 ip: ByteReader, _ whole: Int) {
        guard let first = ip[0], let total = ip.number16(2), let fragment = ip.number16(6),
            ip[9] == 6, let source = ip.number32(12), let target = ip.number32(16)
        else { return nil }
        let header = Int(first & 15) * 4
        guard header >= 20, fragment & 0x3fff == 0 else { return nil }
        self.init(
            ip, at: header, end: total == 0 ? whole : Int(total), (0, UInt64(source)),
            (0, UInt64(target)), isIPv6: false)
    }

    private init?(ipv6 ip: ByteReader, _ whole: Int) {
        guard let length = ip.number16(4), var next = ip[6], let sourceHigh = ip.number64(8),
            let sourceLow = ip.number64(16), let targetHigh = ip.number64(24),
            let targetLow = ip.number64(32)
        else { return nil }
        var start = 40
        for _ in 0..<Self.mostHeaders where [0, 43, 60].contains(next) {
            guard let following = ip[start], let size = ip[start + 1] else { return nil }
            next = following
            start += (Int(size) + 1) * 8
        }
        guard next == 6 else { return nil }
        self.init(
            ip, at: start, end: length == 0 ? whole : 40 + Int(length),
            (sourceHigh, sourceLow), (targetHigh, targetLow), isIPv6: true)
    }

    private init?(
        _ ip: ByteReader, at start: Int, end: Int, _ source: (UInt64, UInt64),
        _ target: (UInt64, UInt64), isIPv6: Bool
    ) {
        guard let sourcePort = ip.number16(start), let targetPort = ip.number16(start + 2),
            let sequence = ip.number32(start + 4), let offset = ip[start + 12],
            let flags = ip[start + 13]
        else { return nil }
        let header = Int(offset >> 4) * 4
        let payloadStart = start + header
        guard header >= 20, payloadStart <= end else { return nil }
        self.source = WireAddress(
            high: source.0, low: source.1, port: sourcePort, isIPv6: isIPv6)
        self.target = WireAddress(
            high: target.0, low: target.1, port: targetPort, isIPv6: isIPv6)
        self.sequence = sequence
        self.flags = TCPPacket.Flags(rawValue: flags)
        length = end - payloadStart
        payload = ip.part(payloadStart, max(0, min(end, ip.count) - payloadStart)) ?? []
    }
}

extension WireAddress {
    /// The address as an endpoint.
    var endpoint: UVEndpoint {
        UVEndpoint(host: isIPv6 ? hostIPv6 : hostIPv4, port: port)
    }

    private var hostIPv4: String {
        [24, 16, 8, 0].map { "\(low >> $0 & 0xff)" }.joined(separator: ".")
    }

    /// In the form of RFC 5952: the longest run of zeros is left out.
    private var hostIPv6: String {
        let words = [high, low].flatMap { half in
            [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> UInt64($0)) }
        }
        var best = 0..<0
        var start = 0
        while start < words.count {
            let end = words[start...].firstIndex { $0 != 0 } ?? words.count
            if end - start > max(1, best.count) { best = start..<end }
            start = end + 1
        }
        let text = { (part: ArraySlice<UInt16>) in
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !best.isEmpty else { return text(words[...]) }
        return text(words[..<best.lowerBound]) + "::" + text(words[best.upperBound...])
    }
}
