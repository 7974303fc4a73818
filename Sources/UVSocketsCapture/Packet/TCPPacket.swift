internal import UVSockets

/// A packet of TCP over IPv4 or IPv6, as no network has sent it. Its checksums are right.
struct TCPPacket {
    struct Flags: OptionSet {
        let rawValue: UInt8

        static let finish = Flags(rawValue: 1)
        static let synchronize = Flags(rawValue: 2)
        static let reset = Flags(rawValue: 4)
        static let push = Flags(rawValue: 8)
        static let acknowledge = Flags(rawValue: 16)
    }

    /// The most bytes of payload, so that a packet has at most 65,535 bytes.
    static func longestPayload(isIPv6: Bool) -> Int { 65_535 - headers(isIPv6: isIPv6) }

    /// How many bytes the headers have, without options of TCP.
    static func headers(isIPv6: Bool) -> Int { isIPv6 ? 60 : 40 }

    var source: WireAddress
    var target: WireAddress
    var sequence: UInt32
    var acknowledgement: UInt32
    var flags: Flags
    /// In units of 2^14 bytes.
    var window: UInt16
    /// Numbers the packets of one connection (RFC 6864).
    var identification: UInt16 = 0
    /// How many bytes of payload the packet has.
    var length = 0
    /// The folded sum of all of the payload.
    var payloadSum: UInt16 = 0

    /// The options of a SYN: the greatest segment, and the scale of the window (RFC 9293 §3.2,
    /// RFC 7323 §2).
    private var options: [UInt8] {
        guard flags.contains(.synchronize) else { return [] }
        let segment = UInt16(Self.longestPayload(isIPv6: source.isIPv6))
        return [2, 4, UInt8(segment >> 8), UInt8(segment & 0xff), 1, 3, 3, 14]
    }

    /// How many bytes its headers have.
    var headerLength: Int { Self.headers(isIPv6: source.isIPv6) + options.count }

    /// Writes the headers. The payload follows them.
    func writeHeaders(to bytes: inout [UInt8]) {
        let options = options
        let tcpLength = 20 + options.count + length
        if source.isIPv6 {
            writeIPv6(tcpLength, to: &bytes)
        } else {
            writeIPv4(tcpLength, to: &bytes)
        }
        let start = bytes.count
        bytes.append(big: source.port)
        bytes.append(big: target.port)
        bytes.append(big: sequence)
        bytes.append(big: flags.contains(.acknowledge) ? acknowledgement : 0)
        bytes.append(UInt8(20 + options.count) << 2)
        bytes.append(flags.rawValue)
        bytes.append(big: window)
        bytes.append(big: UInt32(0))
        bytes += options
        var sum = Checksum()
        sum.add(pseudoHeader(tcpLength)[...])
        sum.add(bytes[start...])
        sum.add(payloadSum)
        bytes.replace(at: start + 16, big: sum.value)
    }

    private func writeIPv4(_ tcpLength: Int, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes += [0x45, 0]
        bytes.append(big: UInt16(20 + tcpLength))
        bytes.append(big: identification)
        // It must not be divided, lives for 64 hops, and holds TCP. The checksum follows.
        bytes += [0x40, 0, 64, 6, 0, 0]
        bytes.append(big: UInt32(truncatingIfNeeded: source.low))
        bytes.append(big: UInt32(truncatingIfNeeded: target.low))
        var sum = Checksum()
        sum.add(bytes[start...])
        bytes.replace(at: start + 10, big: sum.value)
    }

    private func writeIPv6(_ tcpLength: Int, to bytes: inout [UInt8]) {
        bytes += [0x60, 0, 0, 0]
        bytes.append(big: UInt16(tcpLength))
        bytes += [6, 64]
        for number in [source.high, source.low, target.high, target.low] {
            bytes.append(big: number)
        }
    }

    /// What the checksum of TCP covers besides TCP's own bytes (RFC 9293 §3.1, RFC 8200 §8.1).
    private func pseudoHeader(_ tcpLength: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        if source.isIPv6 {
            for number in [source.high, source.low, target.high, target.low] {
                bytes.append(big: number)
            }
            bytes.append(big: UInt32(tcpLength))
            bytes.append(big: UInt32(6))
        } else {
            bytes.append(big: UInt32(truncatingIfNeeded: source.low))
            bytes.append(big: UInt32(truncatingIfNeeded: target.low))
            bytes += [0, 6]
            bytes.append(big: UInt16(tcpLength))
        }
        return bytes
    }
}
