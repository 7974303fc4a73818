/// A black box that was read: what a loop recorded last, also after its process was killed.
///
/// The bytes may come from anywhere. What is no black box is refused with one line.
package struct BlackBox: Sendable {
    /// Why bytes are no black box.
    package struct Unreadable: Error, CustomStringConvertible, Equatable {
        package let description: String
    }

    package let header: BlackBoxHeader
    /// The listeners and connectors, in the order in which they were first used.
    package let agents: [BlackBoxAgent]
    /// How many events were ever recorded.
    package let written: UInt64
    /// How the recording ended.
    package let ending: Ending

    package enum Ending: UInt64, Sendable {
        /// It goes on, or the process was ended by a crash or a signal.
        case none
        /// The loop was closed in order.
        case closed
        /// The process has called `exit`, or its `main` has returned.
        case exited
    }
    /// The events that the file still has, the oldest first.
    package let events: [UVRecordedEvent]

    /// How many bytes a whole file has, from the first bytes of it. At least a header is needed.
    ///
    /// - Parameter bytes: The first bytes.
    /// - Returns: The size, in bytes.
    /// - Throws: ``Unreadable`` if they do not begin a black box.
    package static func size(_ bytes: [UInt8]) throws(Unreadable) -> Int {
        let fields = try Fields(bytes)
        return BlackBoxLayout.headerSize + fields.capacity * BlackBoxLayout.recordSize
    }

    /// How many events were ever written, from a header that was read already.
    package static func written(_ bytes: [UInt8]) throws(Unreadable) -> UInt64 {
        try Fields(bytes).number(at: BlackBoxLayout.writtenAt)
    }

    /// Reads a black box.
    ///
    /// - Parameters:
    ///   - bytes: The whole file.
    ///   - writtenLater: How many events were ever written when the bytes had been read. It is more
    ///     than the bytes say if the process goes on: then the oldest events may be overwritten.
    /// - Throws: ``Unreadable`` if it is none, or not whole.
    package init(_ bytes: [UInt8], writtenLater: UInt64? = nil) throws(Unreadable) {
        let fields = try Fields(bytes)
        let size = BlackBoxLayout.headerSize + fields.capacity * BlackBoxLayout.recordSize
        guard bytes.count >= size else {
            throw Unreadable(
                description: "a black box that is cut: it has \(bytes.count) of \(size) bytes")
        }
        let capacity = UInt64(fields.capacity)
        header = fields.header
        agents = fields.agents
        let written = fields.number(at: BlackBoxLayout.writtenAt)
        self.written = written
        ending = Ending(rawValue: fields.number(at: BlackBoxLayout.closedAt)) ?? .none
        let latest = fields.number(at: BlackBoxLayout.latestAt)
        let end = max(written, writtenLater ?? 0)
        let oldest = end >= capacity ? end - capacity + 1 : 0
        events = (min(oldest, written)..<written).map { number in
            let offset =
                BlackBoxLayout.headerSize
                + Int(number & (capacity - 1)) * BlackBoxLayout.recordSize
            let words = (0..<4).map { fields.number(at: offset + 8 * $0) }
            return UVRecordedEvent(
                record: FlightRecord(
                    words[0], words[1], words[2], words[3], latest: latest))
        }
    }

    /// When an event happened, in milliseconds since 1970 in UTC.
    package func wallTime(of event: UVRecordedEvent) -> UInt64 {
        let (time, isTooLate) = header.wallBegan.addingReportingOverflow(event.record.milliseconds)
        return isTooLate ? .max : time
    }
}

/// The fields of a header that was checked.
private struct Fields {
    private let bytes: [UInt8]
    private let isSwapped: Bool
    let capacity: Int

    init(_ bytes: [UInt8]) throws(BlackBox.Unreadable) {
        typealias Layout = BlackBoxLayout
        guard bytes.starts(with: Layout.magic) else {
            throw BlackBox.Unreadable(description: "no black box of UVSockets")
        }
        guard bytes.count >= Layout.headerSize else {
            throw BlackBox.Unreadable(
                description:
                    "a black box that is cut: it has \(bytes.count) bytes, less than a header")
        }
        let order = Self.word(bytes, 8, as: UInt32.self)
        guard order == Layout.order || order.byteSwapped == Layout.order else {
            throw BlackBox.Unreadable(description: "a damaged black box: it has no byte order")
        }
        let isSwapped = order != Layout.order
        func field<Value: FixedWidthInteger>(_ offset: Int, _ type: Value.Type) -> Value {
            let value = Self.word(bytes, offset, as: type)
            return isSwapped ? value.byteSwapped : value
        }
        let version = field(12, UInt32.self)
        guard version == Layout.version else {
            throw BlackBox.Unreadable(
                description: "a black box of version \(version); this program reads version 1")
        }
        let capacity = field(Layout.capacityAt, UInt64.self)
        guard field(16, UInt32.self) == UInt32(Layout.headerSize),
            field(20, UInt32.self) == UInt32(Layout.recordSize), capacity >= 2,
            capacity <= UInt64(Layout.greatestCapacity), capacity.nonzeroBitCount == 1
        else {
            throw BlackBox.Unreadable(description: "a damaged black box: its sizes are impossible")
        }
        (self.bytes, self.isSwapped, self.capacity) = (bytes, isSwapped, Int(capacity))
    }

    private static func word<Value: FixedWidthInteger>(
        _ bytes: [UInt8], _ offset: Int, as type: Value.Type
    ) -> Value {
        // Put together as the file has it if this machine has the same byte order.
        var value: Value = 0
        for index in 0..<Value.bitWidth / 8 {
            #if _endian(little)
                value |= Value(bytes[offset + index]) << (8 * index)
            #else
                value = value << 8 | Value(bytes[offset + index])
            #endif
        }
        return value
    }

    func number(at offset: Int) -> UInt64 {
        let value = Self.word(bytes, offset, as: UInt64.self)
        return isSwapped ? value.byteSwapped : value
    }

    private func shortNumber(at offset: Int) -> UInt32 {
        let value = Self.word(bytes, offset, as: UInt32.self)
        return isSwapped ? value.byteSwapped : value
    }

    private func text(at offset: Int, _ size: Int) -> String {
        String(decoding: bytes[offset..<offset + size].prefix { $0 != 0 }, as: UTF8.self)
    }

    var header: BlackBoxHeader {
        BlackBoxHeader(
            capacity: capacity, began: number(at: BlackBoxLayout.beganAt),
            wallBegan: number(at: BlackBoxLayout.wallBeganAt),
            bootBegan: number(at: BlackBoxLayout.bootBeganAt),
            process: shortNumber(at: BlackBoxLayout.processAt),
            program: text(at: BlackBoxLayout.programAt, BlackBoxLayout.programSize))
    }

    var agents: [BlackBoxAgent] {
        (0..<BlackBoxLayout.agentLimit).compactMap { place in
            let offset = BlackBoxLayout.agentsAt + place * BlackBoxLayout.agentSize
            guard let kind = BlackBoxAgent.Kind(rawValue: shortNumber(at: offset + 4)) else {
                return nil
            }
            return BlackBoxAgent(
                number: shortNumber(at: offset), kind: kind,
                endpoint: text(at: offset + 8, BlackBoxLayout.agentSize - 8))
        }
    }
}
