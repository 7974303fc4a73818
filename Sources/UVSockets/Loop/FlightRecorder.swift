import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What happened on one loop last: a ring of records of 32 bytes, behind a header.
///
/// Only the loop's thread writes. Any thread reads, also while the loop is blocked. Writing costs
/// no allocation and no look at a clock: a record has the time at which the loop's turn began.
///
/// The memory may be a ``BlackBoxFile``. Its layout is that of ``BlackBoxLayout`` in any case.
@safe final class FlightRecorder: @unchecked Sendable {
    // Unchecked because of the pointer. What it points to is atomic.

    /// How many records there are by default: 16,384, in 512 KiB.
    static let defaultCapacity = 16_384

    /// The first record. The header is before it.
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// The capacity, which is a power of two, minus 1.
    private let mask: UInt64
    /// The loop's time, in milliseconds, when recording began.
    private let began: UInt64
    /// Nil if the records are in the process's own memory.
    private let file: BlackBoxFile?
    /// The agents in the header. Only the loop's thread uses them, and only for a file.
    private var agents: [UInt32] = []
    private var agentsNoted = 0
    /// Those who are shown events as they happen. Only the loop's thread uses it.
    var tracer: Tracer?

    /// Records into memory of its own.
    ///
    /// - Parameters:
    ///   - capacity: How many records to keep. It is rounded up to a power of two.
    ///   - now: The loop's time.
    init(capacity: Int, now: UInt64) {
        let capacity = Self.rounded(capacity)
        let size = BlackBoxLayout.headerSize + capacity * BlackBoxLayout.recordSize
        // Zeros of the system, so that memory which is not written yet is not used either.
        guard let memory = unsafe calloc(size, 1) else {
            fatalError("not enough memory for a flight recorder")
        }
        unsafe words = Self.words(of: memory)
        mask = UInt64(capacity) - 1
        began = now
        file = nil
    }

    /// Records into a file.
    ///
    /// - Parameters:
    ///   - path: The file's path; see ``UVLoop/init(submissionLimit:logger:recordedEvents:blackBox:)``.
    ///   - capacity: How many records to keep. It is rounded up to a power of two.
    ///   - now: The loop's time.
    /// - Throws: ``UVError`` if the file cannot be made.
    init(at path: String, capacity: Int, now: UInt64) throws(UVError) {
        let capacity = Self.rounded(capacity)
        let file = try BlackBoxFile(at: path, .ofThisProcess(capacity, now: now))
        unsafe words = Self.words(of: file.memory)
        mask = UInt64(capacity) - 1
        began = now
        self.file = file
        unsafe Self.remember(UInt(bitPattern: words))
    }

    deinit {
        if let file {
            unsafe Self.forget(UInt(bitPattern: words))
            file.close()
        } else {
            unsafe free(UnsafeMutableRawPointer(words) - BlackBoxLayout.headerSize)
        }
    }

    private static func rounded(_ capacity: Int) -> Int {
        let capacity = min(max(2, capacity), BlackBoxLayout.greatestCapacity)
        return 1 << (Int.bitWidth - (capacity - 1).leadingZeroBitCount)
    }

    private static func words(
        of memory: UnsafeMutableRawPointer
    ) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (memory + BlackBoxLayout.headerSize).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// How many records were ever written.
    private static var written: Int { (BlackBoxLayout.writtenAt - BlackBoxLayout.headerSize) / 8 }
    private static var latest: Int { (BlackBoxLayout.latestAt - BlackBoxLayout.headerSize) / 8 }
    private static var closed: Int { (BlackBoxLayout.closedAt - BlackBoxLayout.headerSize) / 8 }

    /// The path of its file; nil if it has none.
    var path: String? { file?.path }

    /// How many records were ever written. Any thread may ask.
    var count: UInt64 { unsafe words[Self.written].load(ordering: .relaxed) }

    /// Writes a record. Only the loop's thread may.
    @inline(__always)
    func write(
        _ event: RecordedEvent, of agent: UInt32, _ connection: UInt64, _ first: UInt64,
        _ second: UInt64, at now: UInt64
    ) {
        let number = unsafe words[Self.written].load(ordering: .relaxed)
        let record = unsafe words + Int(truncatingIfNeeded: (number & mask) &* 4)
        let time = now &- began
        let what = UInt64(agent) << 8 | UInt64(event.rawValue)
        unsafe record[0].store(time << 32 | (what & 0xFFFF_FFFF), ordering: .relaxed)
        unsafe record[1].store(connection, ordering: .relaxed)
        unsafe record[2].store(first, ordering: .relaxed)
        unsafe record[3].store(second, ordering: .relaxed)
        if event.isRare { unsafe words[Self.latest].store(time, ordering: .relaxed) }
        unsafe words[Self.written].store(number &+ 1, ordering: .releasing)
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
        let capacity = mask + 1
        let end = unsafe words[Self.written].load(ordering: .acquiring)
        let start = end > capacity ? end - capacity : 0
        let time = unsafe words[Self.latest].load(ordering: .relaxed)
        var found: [(number: UInt64, record: FlightRecord)] = []
        var number = end
        while number > start, found.count < limit {
            number -= 1
            let record = read(number, latest: time)
            if isWanted(record) { found.append((number, record)) }
        }
        // The loop may have written over the oldest ones meanwhile, and be in the middle of one more.
        atomicMemoryFence(ordering: .acquiring)
        let latest = unsafe words[Self.written].load(ordering: .relaxed)
        let oldest = latest >= capacity ? latest - capacity + 1 : 0
        return found.reversed().filter { $0.number >= oldest }.map(\.record)
    }

    /// How long ago a record was written, in milliseconds of the loop's time.
    func age(of record: FlightRecord, now: UInt64) -> UInt64 {
        let time = now - min(now, began)
        return time - min(time, UInt64(record.milliseconds))
    }

    private func read(_ number: UInt64, latest: UInt64) -> FlightRecord {
        let record = unsafe words + Int(truncatingIfNeeded: (number & mask) &* 4)
        return unsafe FlightRecord(
            record[0].load(ordering: .acquiring), record[1].load(ordering: .acquiring),
            record[2].load(ordering: .acquiring), record[3].load(ordering: .acquiring),
            latest: latest)
    }

    // MARK: - What only a file has

    /// Names an agent in the file's header, if there is a file and it does not name it yet. Only
    /// the loop's thread may.
    func note(_ number: UInt32, _ kind: BlackBoxAgent.Kind, _ endpoint: @autoclosure () -> String) {
        typealias Layout = BlackBoxLayout
        guard let file, !agents.contains(number) else { return }
        var place = agents.count
        if place == Layout.agentLimit {
            let others = Layout.agentLimit - Layout.agentsThatStay
            place = Layout.agentsThatStay + (agentsNoted - Layout.agentLimit) % others
            agents[place] = number
        } else {
            agents.append(number)
        }
        agentsNoted += 1
        file.write(number, kind, endpoint(), at: Layout.agentsAt + place * Layout.agentSize)
    }

    /// Notes that the loop was closed in order.
    func close() {
        unsafe words[Self.closed].store(BlackBox.Ending.closed.rawValue, ordering: .relaxed)
    }
}

// MARK: - The end of the process

extension FlightRecorder {
    /// The addresses of the first records of all files in use.
    private static let inUse = Locked<[UInt]>([])

    /// From now on, `exit` and a return from `main` note that they have ended the process.
    private static func remember(_ address: UInt) {
        _ = exitIsWatched
        inUse.withLock { $0.append(address) }
    }

    private static func forget(_ address: UInt) {
        inUse.withLock { all in all.removeAll { $0 == address } }
    }

    private static let exitIsWatched: Void = {
        _ = atexit { FlightRecorder.noteExit() }
    }()

    /// The process ends in order. Its loops may still run.
    private static func noteExit() {
        inUse.withLock { all in
            for address in all {
                let words = unsafe UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: address)
                _ = unsafe words?[closed].compareExchange(
                    expected: 0, desired: BlackBox.Ending.exited.rawValue, ordering: .relaxed)
            }
        }
    }
}

extension UVLoop {
    /// Records an event of a connection, if the loop records.
    @inline(__always)
    func record(
        _ event: RecordedEvent, _ connection: UVConnection, _ first: UInt64 = 0,
        _ second: UInt64 = 0
    ) {
        // This comes first: what follows the write would make it retain the recorder.
        if isTraced { trace(event, connection, first, second) }
        guard let recorder else { return }
        recorder.write(
            event, of: connection.events.number, connection.id, first, second, at: now)
    }
}
