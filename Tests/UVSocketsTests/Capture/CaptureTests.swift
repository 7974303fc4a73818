import Foundation
import Testing
import UVSockets
import UVSocketsTesting

@testable import UVSocketsCapture

@Suite("A capture", .onPool, .timeLimit(.minutes(2)))
struct CaptureTests {
    /// A file with a client that sends in the given pieces to an echo, and finishes.
    private nonisolated(nonsending) func file(_ pieces: [[UInt8]]) async throws -> [UInt8] {
        try await withFolder { folder in
            let server = try MemoryServer()
            let path = "\(folder)/tap.pcapng"
            let tap = try await UVTap.start(server.listener.remote, to: path)
            let peer = try server.connect()
            for piece in pieces {
                peer.send(piece, inPiecesOf: piece.count)
                server.network.run(for: .milliseconds(2))
            }
            peer.close()
            server.network.run()
            await tap.stop()
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        }
    }

    /// The comments without those of a handler that took long, on a machine that is busy.
    private static func steady(_ connection: UVCapture.Connection) -> [String] {
        connection.comments.map(\.text).filter { !$0.hasPrefix("the handler took") }
    }

    private static let pieces: [[UInt8]] = ["a", "bc", "def\n"].map { Array($0.utf8) }

    @Test("It gives back the pieces as they were cut, with their directions and times")
    func pieces() async throws {
        let capture = try UVCapture(try await file(Self.pieces))
        #expect(capture.application == "UVSockets")
        #expect(!capture.isCutOff)
        #expect(capture.packetsSkipped == 0)
        let connection = try #require(capture.connections.first)
        #expect(connection.isIncoming)
        #expect(connection.peer.host == "127.0.0.1")
        #expect(connection.pieces(.received) == Self.pieces)
        #expect(connection.bytes(.sent) == Self.pieces.flatMap(\.self))
        #expect(!connection.beginsInMiddle)
        #expect(connection.bytesMissing == 0)
        let kinds = connection.events.map { event in
            switch event.kind {
            case .bytes(let bytes): "\(event.direction) \(bytes.count)"
            case .finish: "\(event.direction) finish"
            default: "\(event.direction) reset"
            }
        }
        #expect(
            kinds == [
                "received 1", "sent 1", "received 2", "sent 2", "received 4", "sent 4",
                "received finish", "sent finish",
            ])
        #expect(connection.events.map(\.offset) == [0, 0, 1, 1, 3, 3, 7, 7])
        #expect(connection.events[2].time == .milliseconds(2))
        #expect(Self.steady(connection).count == 2)
    }

    @Test("A file of the other byte order, with unknown blocks, gives the same")
    func otherOrder() async throws {
        let bytes = try await file(Self.pieces)
        let capture = try UVCapture(Self.swapped(bytes))
        #expect(capture.connections.first?.pieces(.received) == Self.pieces)
        #expect(capture.connections.first.map { Self.steady($0).count } == 2)
        #expect(!capture.isCutOff)
    }

    /// The same file in the other byte order, with an unknown block behind each.
    private static func swapped(_ bytes: [UInt8]) -> [UInt8] {
        func little(_ index: Int, _ size: Int) -> Int {
            (0..<size).reversed().reduce(0) { $0 << 8 | Int(bytes[index + $1]) }
        }
        var result: [UInt8] = []
        var start = 0
        while start < bytes.count {
            let length = little(start + 4, 4)
            var block = Array(bytes[start..<start + length])
            func swap(_ index: Int, _ size: Int) { block[index..<index + size].reverse() }
            for index in [0, 4, length - 4] { swap(index, 4) }
            var option = length - 4
            switch little(start, 4) {
            case 0x0A0D_0D0A:
                swap(8, 4)
                for index in [12, 14] { swap(index, 2) }
                option = 24
            case 1:
                swap(8, 2)
                swap(12, 4)
                option = 16
            case 6:
                for index in stride(from: 8, to: 28, by: 4) { swap(index, 4) }
                option = 28 + (little(start + 20, 4) + 3) / 4 * 4
            default: block = []
            }
            while option + 8 <= length, !block.isEmpty {
                let (code, size) = (little(start + option, 2), little(start + option + 2, 2))
                swap(option, 2)
                swap(option + 2, 2)
                if code == 0 { break }
                if code == 2, size == 4 { swap(option + 4, 4) }
                option += 4 + (size + 3) / 4 * 4
            }
            result += block + [0, 0, 0x0b, 0xad, 0, 0, 0, 16, 1, 2, 3, 4, 0, 0, 0, 16]
            start += length
        }
        return result
    }

    @Test("A file that is cut off gives what comes before")
    func cutOff() async throws {
        let bytes = try await file(Self.pieces)
        var found: Set<Int> = []
        for count in 12..<bytes.count {
            let capture = try UVCapture(Array(bytes[..<count]))
            let connection = capture.connections.first
            found.insert(connection?.bytes(.received).count ?? -1)
            #expect(Self.pieces.flatMap(\.self).starts(with: connection?.bytes(.received) ?? []))
        }
        #expect(found == [-1, 0, 1, 3, 7])
        #expect(try UVCapture(Array(bytes.dropLast(3))).isCutOff)
    }

    @Test(
        "What is not a capture is refused in one clear line",
        arguments: [
            ([], "it has 0 bytes"), (Array("hello world".utf8), "it is not a pcapng file"),
            ([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], "it is pcap, not pcapng"),
            ([0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 1, 2, 3, 4], "no byte order"),
        ] as [([UInt8], String)])
    func refused(bytes: [UInt8], reason: String) {
        let error = #expect(throws: UVError.self) { try UVCapture(bytes) }
        #expect(error?.reason.contains(reason) == true)
    }

    @Test("A file that is not there, and one that is too long, are refused with their names")
    func noFile() async throws {
        try await withFolder { folder in
            let path = "\(folder)/file"
            let missing = #expect(throws: UVError.self) { try UVCapture(contentsOf: path) }
            #expect(missing?.description.contains(path) == true)
            try Data(count: 1001).write(to: URL(fileURLWithPath: path))
            let long = #expect(throws: UVError.self) {
                try UVCapture(contentsOf: path, limit: 1000)
            }
            #expect(long?.reason == "the file has more than 1000 bytes")
        }
    }

    @Test("No change of a file's bytes traps, hangs or bloats")
    func mutated() async throws {
        let original = try await file(Self.pieces + [pattern(3000)])
        let other = Self.swapped(original)
        var random = SplitMix64(seed: 7)
        var readable = 0
        for round in 0..<4000 {
            var bytes = round % 3 == 0 ? other : original
            for _ in 0...Int.random(in: 0..<8, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0 ... .max, using: &random)
                case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes[index] = [0, 255, 127, 128].randomElement(using: &random) ?? 0
                case 3: bytes.removeLast(Int.random(in: 0..<bytes.count / 2, using: &random))
                default:
                    let end = min(bytes.count, index + Int.random(in: 0..<64, using: &random))
                    bytes.insert(contentsOf: bytes[index..<end], at: index)
                }
            }
            guard let capture = try? UVCapture(bytes) else { continue }
            readable += 1
            let size = capture.connections.reduce(0) {
                $0 + $1.bytes(.received).count + $1.bytes(.sent).count
            }
            #expect(size <= bytes.count)
        }
        #expect(readable > 1000)
    }

    @Test("Segments out of order, repeated and missing are put together")
    func outOfOrder() throws {
        var builder = ForeignFile()
        builder.add(sequence: 99, flags: 2)
        builder.add(sequence: 100, "abc")
        builder.add(sequence: 106, "ghi")
        builder.add(sequence: 103, "def")
        builder.add(sequence: 100, "abcd")
        builder.add(sequence: 107, "hijk")
        builder.add(sequence: 120, "xyz")
        builder.add(sequence: 123, flags: 1)
        let capture = try UVCapture(builder.bytes)
        let connection = try #require(capture.connections.first)
        #expect(String(decoding: connection.bytes(.received), as: UTF8.self) == "abcdefghijkxyz")
        #expect(connection.bytesMissing == 9)
        #expect(connection.events.map(\.offset) == [0, 3, 6, 9, 20, 23])
        #expect(connection.events.last?.kind == .finish)
        #expect(connection.isIncoming)
        // The resolution of a file that says none is microseconds.
        #expect(connection.events[0].time == .microseconds(1))
    }

    @Test("The same ports used again are another connection")
    func reused() throws {
        var builder = ForeignFile()
        builder.add(sequence: 99, flags: 2)
        builder.add(sequence: 99, flags: 2)
        builder.add(sequence: 100, "one")
        builder.add(sequence: 5099, flags: 2)
        builder.add(sequence: 5100, "two")
        let capture = try UVCapture(builder.bytes)
        #expect(
            capture.connections.map { String(decoding: $0.bytes(.received), as: UTF8.self) } == [
                "one", "two",
            ])
    }

    @Test("Pieces that never end are cut, in linear time")
    func endlessPiece() throws {
        var builder = ForeignFile(application: "UVSockets")
        builder.add(sequence: 99, flags: 2)
        let text = String(repeating: "a", count: 10_000)
        for number in 0..<300 {
            builder.add(sequence: 100 + UInt32(number) * 10_000, flags: 16, text)
        }
        let connection = try #require(try UVCapture(builder.bytes).connections.first)
        #expect(connection.bytes(.received).count == 3_000_000)
        #expect(connection.pieces(.received).count == 3)
    }

    @Test("What stands in comments is escaped, and has a bound")
    func comments() {
        #expect(printable("a\u{1b}[2J\nä") == "a\\x1b[2J\\nä")
        #expect(printable(String(repeating: "a", count: 5000)).utf8.count == 1003)
    }

    @Test("Addresses are written as RFC 5952 has them")
    func addresses() {
        let text = { (high: UInt64, low: UInt64) in
            WireAddress(high: high, low: low, port: 1, isIPv6: true).endpoint.host
        }
        #expect(text(0, 1) == "::1")
        #expect(text(0, 0) == "::")
        #expect(text(0x2001_0db8_0000_0000, 1) == "2001:db8::1")
        #expect(text(0x2001_0db8_0000_0001, 0x0001_0001_0001_0001) == "2001:db8:0:1:1:1:1:1")
        #expect(text(0x2001_0000_0000_0001, 0) == "2001:0:0:1::")
    }

    @Test("Times of every resolution become nanoseconds")
    func resolutions() {
        #expect(PcapngReader.nanoseconds(5, 6) == 5000)
        #expect(PcapngReader.nanoseconds(5, 9) == 5)
        #expect(PcapngReader.nanoseconds(5000, 12) == 5)
        #expect(PcapngReader.nanoseconds(5, 0) == 5_000_000_000)
        #expect(PcapngReader.nanoseconds(3, 0x81) == 1_500_000_000)
        #expect(PcapngReader.nanoseconds(1 << 40, 0xA0) == 256_000_000_000)
        #expect(PcapngReader.nanoseconds(.max, 0) == .max)
        #expect(PcapngReader.nanoseconds(.max, 127) == 0)
        #expect(PcapngReader.nanoseconds(.max, 255) == 0)
    }
}

/// Ethernet packets of one client as another program would have captured them.
private struct ForeignFile {
    private(set) var bytes: [UInt8] = []
    private var packets: UInt32 = 0

    init(application: String = "another") {
        Pcapng.write(Pcapng.sectionHeader, to: &bytes) { bytes in
            bytes.append(little: Pcapng.byteOrder)
            bytes.append(little: UInt32(1))
            bytes.append(little: UInt64.max)
            Pcapng.writeOption(Pcapng.application, application, to: &bytes)
        }
        Pcapng.write(Pcapng.interface, to: &bytes) { bytes in
            bytes.append(little: UInt32(1))
            bytes.append(little: UInt32(0))
        }
    }

    mutating func add(sequence: UInt32, flags: UInt8 = 24, _ text: String = "") {
        let payload = Array(text.utf8)
        let address = { (port: UInt16) in
            WireAddress(high: 0, low: 0x0a00_0001, port: port, isIPv6: false)
        }
        let packet = TCPPacket(
            source: address(5000), target: address(80), sequence: sequence, acknowledgement: 0,
            flags: TCPPacket.Flags(rawValue: flags), window: 1000, length: payload.count)
        var frame = [UInt8](repeating: 0, count: 12) + [8, 0]
        packet.writeHeaders(to: &frame)
        frame += payload
        let time = packets
        packets += 1
        Pcapng.write(Pcapng.enhancedPacket, to: &bytes) { bytes in
            bytes.append(little: UInt32(0))
            bytes.append(little: UInt32(0))
            bytes.append(little: time)
            bytes.append(little: UInt32(frame.count))
            bytes.append(little: UInt32(frame.count))
            bytes += frame
        }
    }
}
