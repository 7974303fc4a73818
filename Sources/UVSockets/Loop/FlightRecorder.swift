import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What happened on one loop last: a ring of records of 32 bytes.
///
/// Only the loop's thread writes. Any thread reads, also while the loop is blocked. Writing costs
/// no allocation and no look at a clock: a record has the time at which the loop's turn began.
@safe final class FlightRecorder: @unchecked Sendable {
    // Unchecked because of the pointer. What it points to is atomic.

    /// How many records there are by default: 16,384, in 512 KiB.
    static let defaultCapacity = 16_384
    private static let wordsInRecord = 4

    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    private let capacity: UInt64
    /// How many records were ever written.
    private let written = Atomic<UInt64>(0)
    /// The loop's time, in milliseconds, when recording began.
    private let began: UInt64

    /// - Parameters:
    ///   - capacity: How many records to keep. It is rounded up to a power of two.
    ///   - now: The loop's time.
    init(capacity: Int, now: UInt64) {
        let capacity = 1 << (Int.bitWidth - (max(2, capacity) - 1).leadingZeroBitCount)
        self.capacity = UInt64(capacity)
        began = now
        let count = capacity * Self.wordsInRecord
        // Zeros of the system, so that memory which is not written yet is not used either.
        guard let memory = unsafe calloc(count, MemoryLayout<UInt64>.stride) else {
            fatalError("not enough memory for a flight recorder")
        }
        unsafe words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    }

    deinit {
        unsafe free(words)
    }

    /// How many records were ever written. Any thread may ask.
    var count: UInt64 { written.load(ordering: .relaxed) }

    /// Writes a record. Only the loop's thread may.
    @inline(__always)
    func write(
        _ event: RecordedEvent, of agent: UInt32, _ connection: UInt64, _ first: UInt64,
        _ second: UInt64, at now: UInt64
    ) {
        let number = written.load(ordering: .relaxed)
        let record = unsafe words + Int(truncatingIfNeeded: (number & (capacity &- 1)) &* 4)
        let time = (now &- began) << 32
        let what = UInt64(agent) << 8 | UInt64(event.rawValue)
        unsafe record[0].store(time | (what & 0xFFFF_FFFF), ordering: .relaxed)
        unsafe record[1].store(connection, ordering: .relaxed)
        unsafe record[2].store(first, ordering: .relaxed)
        unsafe record[3].store(second, ordering: .relaxed)
        written.store(number &+ 1, ordering: .releasing)
    }

    /// The last records, the oldest first. Any thread may ask for them.
    ///
    /// - Parameters:
    ///   - limit: How many at most.
    ///   - isWanted: Which ones count.
    /// - Returns: The records.
    func last(_ limit: Int, where isWanted: (FlightRecord) -> Bool = { _ in true })
        -> [FlightRecord]
    {
        let end = written.load(ordering: .acquiring)
        let start = end > capacity ? end - capacity : 0
        var found: [(number: UInt64, record: FlightRecord)] = []
        var number = end
        while number > start, found.count < limit {
            number -= 1
            let record = read(number)
            if isWanted(record) { found.append((number, record)) }
        }
        // The loop may have written over the oldest ones meanwhile, and be in the middle of one more.
        atomicMemoryFence(ordering: .acquiring)
        let latest = written.load(ordering: .relaxed)
        let oldest = latest >= capacity ? latest - capacity + 1 : 0
        return found.reversed().filter { $0.number >= oldest }.map(\.record)
    }

    /// How long ago a record was written, in milliseconds of the loop's time.
    func age(of record: FlightRecord, now: UInt64) -> UInt64 {
        let time = now - min(now, began)
        return time - min(time, UInt64(record.milliseconds))
    }

    private func read(_ number: UInt64) -> FlightRecord {
        let record = unsafe words + Int(truncatingIfNeeded: (number & (capacity &- 1)) &* 4)
        let head = unsafe record[0].load(ordering: .acquiring)
        return unsafe FlightRecord(
            milliseconds: UInt32(truncatingIfNeeded: head >> 32),
            agent: UInt32(truncatingIfNeeded: head) >> 8,
            event: RecordedEvent(rawValue: UInt8(truncatingIfNeeded: head)),
            connection: record[1].load(ordering: .acquiring),
            first: record[2].load(ordering: .acquiring),
            second: record[3].load(ordering: .acquiring))
    }
}

extension UVLoop {
    /// Records an event of a connection, if the loop records.
    @inline(__always)
    func record(
        _ event: RecordedEvent, _ connection: UVConnection, _ first: UInt64 = 0,
        _ second: UInt64 = 0
    ) {
        guard let recorder else { return }
        recorder.write(
            event, of: connection.events.number, connection.id, first, second, at: now)
    }
}
