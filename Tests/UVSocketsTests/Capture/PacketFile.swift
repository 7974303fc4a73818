import Foundation
import Testing

/// The packets of a pcapng file, read by other code than the library's: blocks of this machine's byte
/// order, one interface, raw IP.
struct PacketFile {
    struct Packet {
        var time: UInt64 = 0
        var length = 0
        var captured: [UInt8] = []
        var comment: String?
        var direction: UInt32 = 0
        var drops: UInt64?

        var isIPv6: Bool { captured[0] >> 4 == 6 }
        private var tcp: Int { isIPv6 ? 40 : 20 }
        private func big(_ index: Int, _ size: Int) -> Int {
            captured[index..<index + size].reduce(0) { $0 << 8 | Int($1) }
        }
        var source: [UInt8] { Array(isIPv6 ? captured[8..<24] : captured[12..<16]) }
        var target: [UInt8] { Array(isIPv6 ? captured[24..<40] : captured[16..<20]) }
        var sourcePort: Int { big(tcp, 2) }
        var targetPort: Int { big(tcp + 2, 2) }
        var sequence: UInt32 { UInt32(big(tcp + 4, 4)) }
        var acknowledgement: UInt32 { UInt32(big(tcp + 8, 4)) }
        var flags: UInt8 { captured[tcp + 13] }
        var window: Int { big(tcp + 14, 2) }
        var headers: Int { tcp + Int(captured[tcp + 12] >> 4) * 4 }
        var payload: [UInt8] { Array(captured[headers...]) }
        var payloadLength: Int { length - headers }
        var isSYN: Bool { flags & 2 != 0 }
        var isFIN: Bool { flags & 1 != 0 }
        var isReset: Bool { flags & 4 != 0 }
        var isOut: Bool { direction == 2 }

        /// Whether the sums over the headers, and over a whole packet, are right.
        var hasRightChecksums: Bool {
            if !isIPv6, sum(Array(captured[..<20])) != 0xffff { return false }
            guard captured.count == length else { return true }
            let size = length - tcp
            var pseudo: [UInt8] = source + target
            pseudo += isIPv6 ? [0, 0] : [0, 6]
            pseudo += [UInt8(size >> 8), UInt8(size & 255)]
            if isIPv6 { pseudo += [0, 0, 0, 6] }
            return sum(pseudo + Array(captured[tcp...])) == 0xffff
        }

        private func sum(_ bytes: [UInt8]) -> UInt32 {
            var total: UInt32 = 0
            for index in stride(from: 0, to: bytes.count, by: 2) {
                let low = index + 1 < bytes.count ? bytes[index + 1] : 0
                total += UInt32(bytes[index]) * 256 + UInt32(low)
                if total > 0xffff { total -= 0xffff }
            }
            return total
        }
    }

    var packets: [Packet] = []
    var snapLength = 0
    var link = 0
    var application = ""
    /// From the statistics at the end.
    var received: UInt64?
    var dropped: UInt64?
    var blocks: [UInt32] = []

    init(_ path: String) throws {
        try self.init([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    }

    init(_ bytes: [UInt8]) throws {
        var start = 0
        while start < bytes.count {
            let length = Self.little(bytes, start + 4, 4)
            try #require(length % 4 == 0 && start + length <= bytes.count)
            try #require(Self.little(bytes, start + length - 4, 4) == length)
            add(Array(bytes[start..<start + length]))
            start += length
        }
    }

    private static func little(_ bytes: [UInt8], _ index: Int, _ size: Int) -> Int {
        (0..<size).reversed().reduce(0) { $0 << 8 | Int(bytes[index + $1]) }
    }

    private mutating func add(_ block: [UInt8]) {
        let type = UInt32(Self.little(block, 0, 4))
        blocks.append(type)
        switch type {
        case 0x0A0D_0D0A:
            for (code, value) in options(block, 24) where code == 4 {
                application = String(decoding: value, as: UTF8.self)
            }
        case 1:
            link = Self.little(block, 8, 2)
            snapLength = Self.little(block, 12, 4)
        case 5:
            for (code, value) in options(block, 20) {
                if code == 4 { received = UInt64(Self.little(value, 0, 8)) }
                if code == 5 { dropped = UInt64(Self.little(value, 0, 8)) }
            }
        case 6:
            var packet = Packet()
            packet.time =
                UInt64(Self.little(block, 12, 4)) << 32 | UInt64(Self.little(block, 16, 4))
            let captured = Self.little(block, 20, 4)
            packet.length = Self.little(block, 24, 4)
            packet.captured = Array(block[28..<28 + captured])
            for (code, value) in options(block, 28 + (captured + 3) / 4 * 4) {
                if code == 1 { packet.comment = String(decoding: value, as: UTF8.self) }
                if code == 2 { packet.direction = UInt32(Self.little(value, 0, 4)) }
                if code == 4 { packet.drops = UInt64(Self.little(value, 0, 8)) }
            }
            packets.append(packet)
        default: break
        }
    }

    private func options(_ block: [UInt8], _ start: Int) -> [(Int, [UInt8])] {
        var options: [(Int, [UInt8])] = []
        var index = start
        while index + 8 <= block.count {
            let (code, length) = (Self.little(block, index, 2), Self.little(block, index + 2, 2))
            if code == 0 { break }
            options.append((code, Array(block[index + 4..<index + 4 + length])))
            index += 4 + (length + 3) / 4 * 4
        }
        return options
    }

    var comments: [String] { packets.compactMap(\.comment) }

    /// The bytes that one side has sent, by its packets' own order.
    func payload(isOut: Bool) -> [UInt8] {
        packets.filter { $0.isOut == isOut }.flatMap(\.payload)
    }

    /// Checks what holds for every file without drops: checksums, directions, sequence numbers
    /// without a gap, and no acknowledgement of what has not been sent.
    func expectContinuity(sourceLocation: SourceLocation = #_sourceLocation) {
        struct Side {
            var next: UInt32?
        }
        var sides: [String: Side] = [:]
        var broken: [String] = []
        for (number, packet) in packets.enumerated() {
            let own = "\(packet.source):\(packet.sourcePort)>\(packet.target):\(packet.targetPort)"
            let other =
                "\(packet.target):\(packet.targetPort)>\(packet.source):\(packet.sourcePort)"
            if !packet.hasRightChecksums { broken.append("\(number): checksum") }
            if packet.direction != 1 && packet.direction != 2 { broken.append("\(number): flags") }
            if packet.isSYN {
                if packet.flags & 16 == 0 { (sides[own], sides[other]) = (Side(), Side()) }
            } else if sides[own]?.next != packet.sequence {
                broken.append("\(number): sequence \(packet.sequence)")
            }
            if packet.flags & 16 != 0, let next = sides[other]?.next,
                Int32(bitPattern: next &- packet.acknowledgement) < 0
            {
                broken.append("\(number): acknowledges what is not there")
            }
            let size = packet.payloadLength + (packet.isSYN ? 1 : 0) + (packet.isFIN ? 1 : 0)
            sides[own]?.next = packet.sequence &+ UInt32(size)
        }
        #expect(broken == [], sourceLocation: sourceLocation)
        #expect(packets.map(\.time) == packets.map(\.time).sorted(), sourceLocation: sourceLocation)
    }
}

/// Runs the body with an empty folder, which is removed after it.
nonisolated(nonsending) func withFolder<Result>(
    _ body: nonisolated(nonsending) (String) async throws -> Result
) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.path + "/uvsockets-" + UUID().uuidString
    try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}
