internal import UVSockets

/// Writes records as packets to a pcapng file.
struct PcapngOutput: TapOutput {
    private static let flushedAt = 256 << 10

    private let file: CaptureFile
    private let limit: UInt64
    private let snapLength: Int
    private var buffer: [UInt8] = []
    private(set) var written: UInt64 = 0
    private(set) var packets: UInt64 = 0
    private var firstTime: UInt64 = 0
    private var lastTime: UInt64 = 0
    private var identification: UInt16 = 0

    init(_ file: CaptureFile, limit: Int, snapLength: Int) {
        self.file = file
        self.limit = UInt64(limit)
        self.snapLength = snapLength
        writeBegin()
    }

    private var bytes: UInt64 { written + UInt64(buffer.count) }

    private mutating func writeBegin() {
        Pcapng.write(Pcapng.sectionHeader, to: &buffer) { bytes in
            bytes.append(little: Pcapng.byteOrder)
            // Version 1.0, of a section whose length is not known.
            bytes.append(little: UInt16(1))
            bytes.append(little: UInt16(0))
            bytes.append(little: UInt64.max)
            Pcapng.writeOption(Pcapng.application, "UVSockets", to: &bytes)
            Pcapng.endOptions(&bytes)
        }
        Pcapng.write(Pcapng.interface, to: &buffer) { bytes in
            bytes.append(little: Pcapng.rawLink)
            bytes.append(little: UInt16(0))
            bytes.append(little: UInt32(snapLength))
            Pcapng.writeOption(2, "UVSockets", to: &bytes)
            // Nanoseconds.
            Pcapng.writeOption(Pcapng.timeResolution, [9], to: &bytes)
            Pcapng.endOptions(&bytes)
        }
    }

    mutating func add(_ record: TapRecord, _ payload: ArraySlice<UInt8>) -> Bool {
        let (size, packetsBefore) = (buffer.count, packets)
        switch record.kind {
        case .begin: writeBegin(record)
        case .data(let endsChunk):
            write(record, endsChunk ? [.push, .acknowledge] : .acknowledge, payload)
        case .acknowledgement: write(record, .acknowledge)
        case .finish: write(record, [.finish, .acknowledge])
        case .reset: write(record, [.reset, .acknowledge])
        }
        guard bytes <= limit else {
            buffer.removeLast(buffer.count - size)
            packets = packetsBefore
            return false
        }
        if firstTime == 0 { firstTime = record.time }
        lastTime = record.time
        return true
    }

    /// Writes the three packets that begin a connection (RFC 9293 §3.5).
    private mutating func writeBegin(_ record: TapRecord) {
        write(record, .synchronize)
        var answer = TapRecord(
            flow: record.flow, kind: .begin, isOut: !record.isOut,
            sequence: record.acknowledged, acknowledged: record.sequence + 1)
        answer.time = record.time
        write(answer, [.synchronize, .acknowledge])
        var last = TapRecord(
            flow: record.flow, kind: .begin, isOut: record.isOut,
            sequence: record.sequence + 1, acknowledged: record.acknowledged + 1)
        last.time = record.time
        write(last, .acknowledge)
    }

    private mutating func write(
        _ record: TapRecord, _ flags: TCPPacket.Flags, _ payload: ArraySlice<UInt8> = []
    ) {
        let flow = record.flow
        let (own, other) =
            record.isOut
            ? (flow.localStart, flow.peerStart) : (flow.peerStart, flow.localStart)
        var sum = Checksum()
        if record.sum == nil { sum.add(payload) }
        identification &+= 1
        let packet = TCPPacket(
            source: record.isOut ? flow.local : flow.peer,
            target: record.isOut ? flow.peer : flow.local,
            sequence: own &+ UInt32(truncatingIfNeeded: record.sequence),
            acknowledgement: other &+ UInt32(truncatingIfNeeded: record.acknowledged),
            flags: flags, window: record.window, identification: identification,
            length: record.length, payloadSum: record.sum ?? sum.folded)
        packets += 1
        let kept = min(packet.headerLength + payload.count, snapLength)
        Pcapng.write(Pcapng.enhancedPacket, to: &buffer) { bytes in
            bytes.append(little: UInt32(0))
            Pcapng.writeTime(record.time, to: &bytes)
            bytes.append(little: UInt32(kept))
            bytes.append(little: UInt32(packet.headerLength + record.length))
            let start = bytes.count
            packet.writeHeaders(to: &bytes)
            bytes += payload
            bytes.removeLast(bytes.count - start - kept)
            Pcapng.pad(&bytes, from: start)
            Self.writeOptions(record, to: &bytes)
        }
    }

    private static func writeOptions(_ record: TapRecord, to bytes: inout [UInt8]) {
        if let comment = record.comment { Pcapng.writeOption(Pcapng.comment, comment, to: &bytes) }
        Pcapng.writeOption(Pcapng.flags, UInt32(record.isOut ? 2 : 1), to: &bytes)
        if record.dropsBefore > 0 {
            Pcapng.writeOption(Pcapng.dropCount, record.dropsBefore, to: &bytes)
        }
        Pcapng.endOptions(&bytes)
    }

    mutating func flush(isAll: Bool) throws(UVError) {
        guard isAll || buffer.count >= Self.flushedAt, !buffer.isEmpty else { return }
        let (count, error) = file.write(buffer) { Pcapng.wholeBlocks(of: buffer[..<$0]).bytes }
        written += UInt64(count)
        if let error {
            packets -= Pcapng.wholeBlocks(of: buffer[count...]).packets
            throw error
        }
        buffer.removeAll(keepingCapacity: true)
    }

    mutating func end(drops: UInt64) {
        Pcapng.write(Pcapng.statistics, to: &buffer) { bytes in
            bytes.append(little: UInt32(0))
            Pcapng.writeTime(lastTime, to: &bytes)
            for (code, time) in [(UInt16(2), firstTime), (3, lastTime)] {
                var value: [UInt8] = []
                Pcapng.writeTime(time, to: &value)
                Pcapng.writeOption(code, value, to: &bytes)
            }
            Pcapng.writeOption(4, packets + drops, to: &bytes)
            Pcapng.writeOption(5, drops, to: &bytes)
            Pcapng.endOptions(&bytes)
        }
    }

    mutating func close() {
        file.close()
    }
}
