internal import Logging
internal import UVSockets

/// Writes records as text.
struct TextOutput: TapOutput {
    private let output: UVTap.Output
    private let file: CaptureFile?
    private let logger: Logger
    private let limit: UInt64
    private var streams: [ObjectIdentifier: Streams] = [:]
    private var lines: [String] = []
    private var lineBytes = 0
    private(set) var written: UInt64 = 0
    private(set) var packets: UInt64 = 0

    init(_ output: UVTap.Output, _ file: CaptureFile?, _ logger: Logger, limit: Int) {
        (self.output, self.file, self.logger) = (output, file, logger)
        self.limit = UInt64(limit)
    }

    mutating func add(_ record: TapRecord, _ payload: ArraySlice<UInt8>) -> Bool {
        let new = lines(of: record, payload)
        let size = new.reduce(0) { $0 + $1.utf8.count + 1 }
        guard written + UInt64(lineBytes + size) <= limit else { return false }
        lineBytes += size
        if !new.isEmpty { packets += 1 }
        lines += new
        return true
    }

    private mutating func lines(of record: TapRecord, _ payload: ArraySlice<UInt8>) -> [String] {
        let name = "\(clock(record.time)) \(record.flow.name)"
        var new: [String] = []
        if record.dropsBefore > 0 {
            new.append("\(record.dropsBefore) chunks were dropped: the tap was full")
        }
        let side = record.isOut ? "this side" : "the peer"
        switch record.kind {
        case .begin:
            streams[ObjectIdentifier(record.flow)] = Streams(record.flow)
            new.append("\(clock(record.time)) \(record.comment ?? record.flow.name)")
            return new
        case .data: new += lines(ofData: record, payload, name)
        case .acknowledgement: break
        case .finish: new.append("\(name): \(side) has finished sending")
        case .reset: new.append("\(name): reset by \(side)")
        }
        if let comment = record.comment { new.append("\(name): \(comment)") }
        return new
    }

    private mutating func lines(
        ofData record: TapRecord, _ payload: ArraySlice<UInt8>, _ name: String
    ) -> [String] {
        let offset = record.sequence - 1
        let verb = record.isOut ? "sent" : "received"
        let head = "\(name): \(verb) \(record.length) bytes at \(offset)"
        let key = ObjectIdentifier(record.flow)
        let body = streams[key]?.lines(payload, at: offset, of: record) ?? []
        return [head] + body
    }

    mutating func flush(isAll: Bool) throws(UVError) {
        guard isAll || lineBytes >= 64 << 10, !lines.isEmpty else { return }
        switch output {
        case .log: for line in lines { logger.info("\(line)") }
        case .lines(let body): for line in lines { body(line) }
        case .file: try write(lines.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] })
        }
        lines.removeAll(keepingCapacity: true)
        written += UInt64(lineBytes)
        lineBytes = 0
    }

    private mutating func write(_ text: [UInt8]) throws(UVError) {
        guard let file else { return }
        let (count, error) = file.write(text) { end in
            text[..<end].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        }
        guard let error else { return }
        written += UInt64(count)
        throw error
    }

    mutating func end(drops: UInt64) {}

    mutating func close() {
        file?.close()
    }
}

/// Both directions of a connection, as text.
private struct Streams {
    /// Retained, so that no other one gets its identifier.
    let flow: Flow
    private var incoming: TextStream
    private var outgoing: TextStream

    init(_ flow: Flow) {
        self.flow = flow
        (incoming, outgoing) = (TextStream(incomingOf: flow), TextStream(outgoingOf: flow))
    }

    mutating func lines(
        _ bytes: ArraySlice<UInt8>, at offset: UInt64, of record: TapRecord
    ) -> [String] {
        record.isOut
            ? outgoing.lines(bytes, at: offset, of: record.length)
            : incoming.lines(bytes, at: offset, of: record.length)
    }
}

/// One direction of a connection, as text.
struct TextStream {
    private static let bytesInLine = 16

    private var codec: (any FrameCodec)?
    private var assembler = FrameAssembler()
    /// Where the next byte of the stream is expected; nil before the first.
    private var expected: UInt64?
    private var messages = 0

    init(incomingOf flow: Flow) {
        codec = flow.codec
        let part = flow.partOfMessage
        assembler.keep(part.span)
    }

    init(outgoingOf flow: Flow) {
        codec = flow.isSendingWhole ? flow.codec : nil
    }

    /// The lines of some bytes.
    ///
    /// - Parameters:
    ///   - bytes: The bytes that are kept of them.
    ///   - offset: Where they begin in the stream.
    ///   - length: How many there were.
    /// - Returns: The lines.
    mutating func lines(
        _ bytes: ArraySlice<UInt8>, at offset: UInt64, of length: Int
    ) -> [String] {
        var lines: [String] = []
        // What is not here could have ended messages.
        if let expected, expected != offset { codec = nil }
        expected = offset + UInt64(length)
        let chunk = Array(bytes)
        var start = 0
        for end in ends(chunk) {
            lines += Self.rows(chunk[start..<end], at: offset + UInt64(start))
            start = end
            messages += 1
            lines.append("            == end of message \(messages)")
        }
        lines += Self.rows(chunk[start...], at: offset + UInt64(start))
        if bytes.count < length {
            lines.append("            \(length - bytes.count) more bytes are not shown")
            codec = nil
        }
        return lines
    }

    /// Where messages end in a chunk.
    private mutating func ends(_ chunk: [UInt8]) -> [Int] {
        guard let codec else { return [] }
        var ends: [Int] = []
        var offset = 0
        do throws(FramingError) {
            while try assembler.next(in: chunk.span, &offset, codec) != nil { ends.append(offset) }
            assembler.keep(chunk.span.extracting(offset...))
            try assembler.checkLength(codec)
        } catch {
            // From here on nobody knows.
            self.codec = nil
            assembler = FrameAssembler()
        }
        return ends
    }

    private static func rows(_ bytes: ArraySlice<UInt8>, at offset: UInt64) -> [String] {
        stride(from: bytes.startIndex, to: bytes.endIndex, by: bytesInLine).map { start in
            let row = bytes[start..<min(start + bytesInLine, bytes.endIndex)]
            let digits = row.map(hexadecimal).joined(separator: " ")
            let room = String(repeating: " ", count: 3 * bytesInLine - digits.utf8.count)
            let position = offset + UInt64(start - bytes.startIndex)
            return
                "  \(padded(position, to: 8, radix: 16, with: "0"))  \(digits)\(room) "
                + escaped(row)
        }
    }
}
