import Logging
import Testing
import UVSocketsTesting

@testable import UVSockets

/// A stream whose last frame is none.
struct BadStream: CustomTestStringConvertible, Sendable {
    let framing: UVFraming
    let good: [UInt8]
    let bad: [UInt8]
    let name: String

    init(_ name: String, _ framing: UVFraming, good: [UInt8], bad: [UInt8]) {
        (self.name, self.framing, self.good, self.bad) = (name, framing, good, bad)
    }

    init(_ name: String, _ framing: UVFraming, good: String, bad: String) {
        self.init(name, framing, good: Array(good.utf8), bad: Array(bad.utf8))
    }

    var testDescription: String { name }

    /// The first byte with which the last frame is none, found the slow way.
    var offender: Int? {
        (0...bad.count).first { count in
            do {
                _ = try framing.codec?.firstFrame(in: Array(bad[..<count]).span, memory: 0)
                return false
            } catch {
                return true
            }
        }.map { $0 - 1 }
    }
}

/// Frames of three bytes: A, anything, Z.
private struct ThreeBytes: FrameCodec {
    var maximumLength: Int { 3 }

    func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
        if bytes.count > 0, bytes[0] != UInt8(ascii: "A") { throw .malformed("no A") }
        if bytes.count > 2, bytes[2] != UInt8(ascii: "Z") { throw .malformed("no Z") }
        return bytes.count < 3 ? .incomplete(needed: 3) : .frame(payload: 1..<2, end: 3)
    }

    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper { FrameWrapper() }
}

@Suite("The bytes of a framing error", .onPool, .timeLimit(.minutes(1)))
struct FramingFaultTests {
    /// How messages are taken.
    enum Taking: CaseIterable {
        case callback, owned, borrowed, slowly
    }

    static let streams = [
        BadStream("lines", .lines(maximumLength: 8), good: "one\ntwo\n", bad: "much too long"),
        BadStream(
            "delimiter", .delimiter([UInt8(ascii: ";")], maximumLength: 4), good: "a;bc;",
            bad: "abcdefghij;"),
        BadStream("netstring", .netstring, good: "3:abc,0:,", bad: "2:abc,1:x,"),
        BadStream("netstring's length", .netstring, good: "", bad: "x"),
        BadStream(
            "length", .lengthPrefix(.bytes2, maximumLength: 9), good: [0, 1, 7, 0, 2, 8, 9],
            bad: [0, 10, 1, 2, 3]),
        BadStream(
            "varint", .varint(maximumLength: 300), good: [1, 7], bad: [0xAD, 0x02, 1, 2, 3, 4]),
        BadStream(
            "a codec of one's own", .codec(ThreeBytes()), good: "AxZAyZ", bad: "AzYAxZ"),
    ]

    /// Sends pieces, and returns what is known of the end.
    private func fault(
        _ pieces: [[UInt8]], _ framing: UVFraming, _ taking: Taking, finishes: Bool = false
    ) throws -> UVFramingFault? {
        let network = try UVTestNetwork()
        let faults = Journal<UVFramingFault?>()
        let peer: UVTestPeer
        if taking == .callback {
            let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: framing) {
                _, _ in
            }
            listener.onDisconnected = { client, _ in faults.append(client.framingFault) }
            peer = try network.connect(to: listener)
        } else {
            let server = network.serve(framing: framing) { client in
                do {
                    switch taking {
                    case .borrowed: try await client.forEachMessage { _ in }
                    case .slowly:
                        while try await client.nextMessage() != nil {
                            await Task.yield()
                        }
                    default: for try await _ in client.messages {}
                    }
                } catch {}
                faults.append(client.connection.framingFault)
            }
            peer = try network.connect(to: server)
        }
        for piece in pieces {
            peer.send(piece)
            network.run()
        }
        if finishes { peer.finish() }
        network.run()
        peer.close()
        network.run()
        return try #require(faults.entries.first)
    }

    @Test(
        "It names the frame and the byte, however the stream came and was taken",
        arguments: streams, Taking.allCases)
    func place(stream: BadStream, taking: Taking) throws {
        let offender = try #require(stream.offender)
        let all = stream.good + stream.bad
        let splits =
            [[all], all.map { [$0] }]
            + all.indices.dropFirst().map {
                [Array(all[..<$0]), Array(all[$0...])]
            }
        for pieces in splits {
            let fault = try #require(try fault(pieces, stream.framing, taking), "\(pieces)")
            #expect(fault.frameOffset == UInt64(stream.good.count), "\(pieces)")
            #expect(fault.offset == UInt64(stream.good.count + offender), "\(pieces)")
            #expect(fault.bytes[fault.position] == stream.bad[offender])
            // The bytes around it are those of the stream.
            let start = Int(fault.offset) - fault.position
            #expect(all[start...].starts(with: fault.bytes))
        }
    }

    @Test("A frame that the peer has cut shows its bytes", arguments: Taking.allCases)
    func truncated(taking: Taking) throws {
        let stream = Array("3:abc,7:four".utf8)
        let fault = try #require(
            try fault(
                [Array(stream[..<8]), Array(stream[8...])], .netstring, taking, finishes: true))
        #expect(fault.error == .truncated(bytes: 6))
        #expect(fault.frameOffset == 6)
        #expect(fault.offset == 12)
        #expect(fault.bytes == Array("7:four".utf8))
        #expect(fault.position == 6)
        #expect(fault.escaped(atMost: 4) == "…ur>><<")
    }

    @Test("At most 256 bytes are kept, half of them before the place, and shown as escapes")
    func bounds() throws {
        let good = Array(String(repeating: "1:x,", count: 200).utf8)
        let bad =
            [0x41, 0x5C, 0x0A, 0x0D, 0x09, 0x00, 0xFF, 0x1B] + [UInt8](repeating: 0x62, count: 500)
        let fault = try #require(try fault([good + bad], .netstring, .callback))
        #expect(fault.bytes.count == 256)
        #expect(fault.position == 128)
        #expect(fault.offset == 800)
        #expect(fault.escaped(atMost: 8) == "…1:x,>>A<<\\\\\\n\\r…")
        #expect(fault.description.contains(">>A<<\\\\\\n\\r\\t\\x00\\xff\\x1bbbb"))
        #expect(fault.description.allSatisfy { $0.isASCII || $0 == "…" })
        #expect(
            fault.description.hasPrefix(
                "malformed frame: a decimal length and a colon are missing, at byte 800 of the "
                    + "stream, in the frame that begins at byte 800: "))
    }

    @Test("A frame that is too long shows where it passed the limit, or what came last")
    func long() throws {
        let line = [UInt8](repeating: 0x61, count: 200_000)
        let short = try #require(
            try fault([[0x62, 0x0A] + line], .lines(maximumLength: 1000), .callback))
        #expect(short.frameOffset == 2)
        #expect((1001...1004).contains(short.offset))
        let long = try #require(
            try fault([[0x62, 0x0A] + line], .lines(maximumLength: 100_000), .callback))
        #expect(long.frameOffset == 2)
        #expect(long.offset > 100_000 && long.offset < 200_002)
        #expect(long.bytes.count == 129 || long.bytes.count == 128)
    }

    @Test("The list of ended clients has it; a log has the bytes at level debug only")
    func ended() throws {
        for level in [Logger.Level.info, .debug] {
            let log = Journal<String>()
            let logger = Logger(label: "test") { _ in WholeLog(lines: log, logLevel: level) }
            let network = try UVTestNetwork(logger: logger)
            let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: .netstring) {
                _, _ in
            }
            let other = try network.connect(to: listener)
            other.send("1:x,")
            other.close()
            let client = try network.connect(to: listener)
            client.send("1:x,secret")
            network.run()
            client.close()
            network.run()
            let ended = listener.endedClients()
            #expect(ended.last?.framingFault == nil)
            #expect(ended.first?.framingFault?.bytes == Array("1:x,secret".utf8))
            #expect(ended.first?.description.contains("1:x,>>s<<ecret") == true)
            let line = try #require(log.entries.first { $0.contains("a client ended") })
            #expect(line.contains("at byte 4 of the stream"))
            #expect(line.contains("secret") == false)
            #expect(line.contains(">>s<<ecret") == (level == .debug))
        }
    }

    @Test("Bytes of a layer are counted as the layer has delivered them")
    func layer() throws {
        let network = try UVTestNetwork()
        let listener = UVListener(on: network.loop, at: "127.0.0.1:0", framing: .netstring) {
            _, _ in
        }
        // Each byte on the wire is followed by one that means nothing.
        listener.events.makeLayer = { EverySecondByte() }
        var fault: UVFramingFault?
        listener.onDisconnected = { client, _ in fault = client.framingFault }
        let client = try network.connect(to: listener)
        client.send("1-:-x-,-2-x-")
        network.run()
        client.close()
        network.run()
        #expect(fault?.frameOffset == 4)
        #expect(fault?.offset == 5)
    }
}

private final class EverySecondByte: WireLayer {
    private var count = 0

    func begin(_ port: LayerPort) { port.open() }

    func receive(_ bytes: Span<UInt8>, _ port: LayerPort) {
        for index in bytes.indices {
            if count % 2 == 0 { port.deliver(bytes.extracting(index...index)) }
            count += 1
        }
    }

    func send(_ bytes: Span<UInt8>, _ port: LayerPort) {}
    func finish(_ port: LayerPort) {}
}

/// Writes down each line with its metadata.
private struct WholeLog: LogHandler {
    let lines: Journal<String>
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.append("\(event.message) \(event.metadata ?? [:])")
    }
}
