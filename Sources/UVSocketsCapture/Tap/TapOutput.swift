internal import UVSockets

/// What a tap's thread writes to.
protocol TapOutput {
    /// How many packets it has taken, and how many bytes it has written.
    var packets: UInt64 { get }
    var written: UInt64 { get }

    /// Adds a record.
    ///
    /// - Parameters:
    ///   - record: The record.
    ///   - payload: Those of its bytes that are kept.
    /// - Returns: False if the limit of bytes does not allow it.
    mutating func add(_ record: TapRecord, _ payload: ArraySlice<UInt8>) -> Bool
    /// Writes what was added, if it is much or if `isAll` is true.
    mutating func flush(isAll: Bool) throws(UVError)
    /// Adds the end. It is flushed and closed after that.
    ///
    /// - Parameter drops: How many packets were dropped in all.
    mutating func end(drops: UInt64)
    mutating func close()
}

/// Writes records until the tap ends, on a thread of its own.
struct TapWriter {
    private let tap: UVTap
    private var output: any TapOutput
    private let deadline: UInt64?

    init(_ tap: UVTap, _ output: any TapOutput, deadline: UInt64?) {
        self.tap = tap
        self.output = output
        self.deadline = deadline
    }

    /// Writes until the end.
    ///
    /// - Returns: What was written, and why it has ended.
    mutating func run() -> UVTap.Report {
        var end: UVTap.End
        do throws(UVError) {
            end = try writeAll()
            output.end(drops: tap.queue.drops.packets)
            try output.flush(isAll: true)
        } catch {
            end = .failed(error)
        }
        output.close()
        tap.queue.end(end)
        return UVTap.Report(packets: output.packets, bytes: output.written, end: end)
    }

    private mutating func writeAll() throws(UVError) -> UVTap.End {
        var batch = TapQueue.Batch()
        while true {
            tap.queue.take(into: &batch)
            if let end = try write(batch) { return end }
            if let end = batch.end { return end }
            if let deadline, steadyNanoseconds() >= deadline { tap.queue.end(.timeLimit) }
            tap.queue.wait(hasJustWritten: !batch.records.isEmpty, until: deadline)
        }
    }

    /// Writes a batch.
    ///
    /// - Returns: Why nothing more can be written; nil if more can.
    private mutating func write(_ batch: TapQueue.Batch) throws(UVError) -> UVTap.End? {
        var start = 0
        for record in batch.records {
            let payload = batch.bytes[start..<start + record.kept]
            start += record.kept
            guard output.add(record, payload) else { return .bytesLimit }
            try output.flush(isAll: false)
        }
        try output.flush(isAll: true)
        return nil
    }
}
