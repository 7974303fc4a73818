/// The layout of a black box: the file in which a loop's flight recorder keeps its records.
///
/// Numbers are in the writer's byte order. Texts are UTF-8 and end at the first zero.
///
///     offset  size  what
///          0     8  the magic bytes "UVBOX", CR, LF, 0x1A
///          8     4  0x01020304, which tells the byte order
///         12     4  the version of the format: 1
///         16     4  the size of this header: 8192
///         20     4  the size of a record: 32
///         24     8  the capacity, in records: a power of two
///         32     8  when recording began: the loop's time, in milliseconds
///         40     8  the same as a wall-clock time, in milliseconds since 1970 in UTC
///         48     8  the same since the system was started, in milliseconds
///         56     4  the id of the process
///         64    64  the name of the program
///        128  8000  61 agents of 128 bytes: 4 bytes number, 4 bytes kind (1 listener, 2 connector),
///                   120 bytes endpoint. A kind of 0 is an empty place.
///       8128     8  how many records were ever written
///       8136     8  the latest time that is known, in milliseconds since recording began
///       8144     8  1 if the loop was closed in order, 2 if the process has called `exit`
///       8192        the records, as a ring: record N is at N modulo the capacity
///
/// A record has 4 bytes of time in milliseconds, 3 bytes with the number of the agent, and 1 byte
/// with the event: together the number `time << 32 | agent << 8 | event`. Then follow the
/// connection's id and two numbers of 8 bytes each, see ``RecordedEvent``. A record is written
/// before it is counted. So the oldest record of a full ring may be half overwritten, and is not
/// shown.
package enum BlackBoxLayout {
    package static let magic: [UInt8] = Array("UVBOX\r\n".utf8) + [0x1A]
    package static let order: UInt32 = 0x0102_0304
    package static let version: UInt32 = 1
    package static let headerSize = 8192
    package static let recordSize = 32
    /// The most records that a recorder keeps: 16,777,216, in 512 MiB.
    package static let greatestCapacity = 1 << 24

    static let capacityAt = 24
    static let beganAt = 32
    static let wallBeganAt = 40
    static let bootBeganAt = 48
    static let processAt = 56
    static let programAt = 64
    static let programSize = 64
    static let agentsAt = 128
    static let agentSize = 128
    /// How many agents there are room for. The first 32 stay. Later ones replace one another.
    static let agentLimit = 61
    static let agentsThatStay = 32
    static let writtenAt = headerSize - 64
    static let latestAt = headerSize - 56
    static let closedAt = headerSize - 48

    /// The time of a record, which has only its lower 32 bits: the one nearest to a time that is
    /// known. So a loop may record for years.
    static func time(_ low: UInt32, near latest: UInt64) -> UInt64 {
        let distance = Int64(Int32(bitPattern: low &- UInt32(truncatingIfNeeded: latest)))
        let time = latest &+ UInt64(bitPattern: distance)
        // It would be before recording began: the known time is too old.
        return distance < 0 && time > latest ? UInt64(low) : time
    }
}

/// What the header of a black box says.
package struct BlackBoxHeader: Equatable, Sendable {
    /// How many records the ring holds.
    package var capacity: Int
    /// When recording began, by the loop's clock, in milliseconds.
    package var began: UInt64
    /// The same in milliseconds since 1970.
    package var wallBegan: UInt64
    /// The same in milliseconds since the system was started.
    package var bootBegan: UInt64
    /// The id of the process.
    package var process: UInt32
    /// The name of its program.
    package var program: String

    /// The header as it is in the file, without agents and counts.
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: BlackBoxLayout.headerSize)
        func put(_ value: some FixedWidthInteger, _ offset: Int) {
            for index in 0..<value.bitWidth / 8 {
                #if _endian(little)
                    bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
                #else
                    let shift = value.bitWidth - 8 * (index + 1)
                    bytes[offset + index] = UInt8(truncatingIfNeeded: value >> shift)
                #endif
            }
        }
        bytes.replaceSubrange(0..<8, with: BlackBoxLayout.magic)
        put(BlackBoxLayout.order, 8)
        put(BlackBoxLayout.version, 12)
        put(UInt32(BlackBoxLayout.headerSize), 16)
        put(UInt32(BlackBoxLayout.recordSize), 20)
        put(UInt64(capacity), BlackBoxLayout.capacityAt)
        put(began, BlackBoxLayout.beganAt)
        put(wallBegan, BlackBoxLayout.wallBeganAt)
        put(bootBegan, BlackBoxLayout.bootBeganAt)
        put(process, BlackBoxLayout.processAt)
        let name = program.utf8Prefix(BlackBoxLayout.programSize - 1)
        bytes.replaceSubrange(
            BlackBoxLayout.programAt..<BlackBoxLayout.programAt + name.count, with: name)
        return bytes
    }
}

/// A listener or connector, as a black box names it.
package struct BlackBoxAgent: Equatable, Sendable {
    package enum Kind: UInt32, Sendable {
        case listener = 1
        case connector = 2
    }

    /// Its number within the process, which its records have, too.
    package let number: UInt32
    package let kind: Kind
    /// Where it listens, or what it connects to; of a long text only the first 119 bytes.
    package let endpoint: String
}

extension String {
    /// Its first bytes, without a character that is cut in the middle.
    func utf8Prefix(_ limit: Int) -> [UInt8] {
        guard utf8.count > limit else { return Array(utf8) }
        var bytes = Array(utf8.prefix(limit + 1))
        // A byte of the form 10xxxxxx continues a character.
        while let last = bytes.popLast(), last & 0xC0 == 0x80 {}
        return bytes
    }
}
