internal import Dispatch
internal import UVSockets

/// What loops have written down and the writer's thread has not taken yet.
///
/// It has a bound. A loop never waits for the writer: what does not fit is dropped and counted.
final class TapQueue: Sendable {
    /// What a record takes besides its bytes, roughly.
    private static let recordSize = 160

    struct Batch {
        var records: [TapRecord] = []
        var bytes: [UInt8] = []
        /// Why nothing more follows; nil if more may follow.
        var end: UVTap.End?
    }

    private struct State {
        var batch = Batch()
        var size = 0
        var dropsBefore: UInt64 = 0
        var dropped: UInt64 = 0
        var droppedBytes: UInt64 = 0
        var lastTime: UInt64 = 0
        /// Whether the writer waits to be woken.
        var isWriterAsleep = false
        var flows: UInt32 = 0
    }

    private let state = Locked(State())
    private let limit: Int
    /// How many bytes of each chunk are kept.
    let snapLength: Int
    private let wakeUp = DispatchSemaphore(value: 0)

    init(limit: Int, snapLength: Int) {
        self.limit = limit
        self.snapLength = snapLength
    }

    // MARK: - The loops' side

    /// A number for one more connection, from 0.
    func nextFlow() -> UInt32 {
        state.withLock { state in
            defer { state.flows += 1 }
            return state.flows
        }
    }

    /// Whether nothing more is taken.
    var isEnded: Bool { state.withLock { $0.batch.end != nil } }

    /// Adds a record.
    ///
    /// - Parameters:
    ///   - record: The record.
    ///   - bytes: Those of its bytes that are kept.
    ///   - time: When it has happened; nil for now.
    /// - Returns: False if it was dropped.
    func append(_ record: TapRecord, _ bytes: Span<UInt8>, at time: UInt64?) -> Bool {
        let size = Self.recordSize + bytes.count + (record.comment?.utf8.count ?? 0)
        let (isTaken, wakes) = state.withLock { state -> (Bool, Bool) in
            guard state.batch.end == nil else { return (false, false) }
            guard state.size + size <= limit else {
                state.dropsBefore += record.packets
                state.dropped += record.packets
                state.droppedBytes += UInt64(record.length)
                return (false, false)
            }
            var record = record
            // Loops take turns here, so the times of the file never go back.
            state.lastTime = max(state.lastTime, time ?? wallNanoseconds())
            record.time = state.lastTime
            record.kept = bytes.count
            record.dropsBefore = state.dropsBefore
            state.dropsBefore = 0
            state.batch.records.append(record)
            state.batch.bytes.append(copying: bytes)
            let wasHalfFull = state.size > limit / 2
            state.size += size
            let wakes = state.isWriterAsleep || !wasHalfFull && state.size > limit / 2
            state.isWriterAsleep = false
            return (true, wakes)
        }
        if wakes { wakeUp.signal() }
        return isTaken
    }

    /// Ends the tap: from now on nothing is taken. The first reason counts.
    func end(_ why: UVTap.End) {
        state.withLock { state in
            if state.batch.end == nil { state.batch.end = why }
        }
        wakeUp.signal()
    }

    // MARK: - The writer's side

    /// Takes everything that is there.
    ///
    /// - Parameter batch: An old batch, whose memory is used again. It becomes the new one.
    func take(into batch: inout Batch) {
        batch.records.removeAll(keepingCapacity: true)
        batch.bytes.removeAll(keepingCapacity: true)
        state.withLock { state in
            batch.end = state.batch.end
            swap(&batch, &state.batch)
            state.size = 0
        }
    }

    /// How many packets, and bytes in them, were dropped.
    var drops: (packets: UInt64, bytes: UInt64) {
        state.withLock { ($0.dropped, $0.droppedBytes) }
    }

    /// How long more records may gather before they are written: 5 ms. So most of them need no call
    /// to wake the writer.
    private static let gathering: UInt64 = 5_000_000

    /// Waits for more to write.
    ///
    /// - Parameters:
    ///   - hasJustWritten: Whether the last batch had anything.
    ///   - deadline: When to return at the latest, by the steady clock; nil for never.
    func wait(hasJustWritten: Bool, until deadline: UInt64?) {
        let now = steadyNanoseconds()
        var end = deadline
        if hasJustWritten {
            end = min(end ?? .max, now + Self.gathering)
        } else {
            let isEmpty = state.withLock { state in
                state.isWriterAsleep = state.batch.records.isEmpty && state.batch.end == nil
                return state.isWriterAsleep
            }
            guard isEmpty else { return }
        }
        guard let end else { return wakeUp.wait() }
        let left = Int(clamping: end > now ? end - now : 0)
        _ = wakeUp.wait(timeout: .now() + .nanoseconds(left))
    }
}
