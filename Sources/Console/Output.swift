import Dispatch
import Glibc
import Synchronization

/// Writes to a descriptor from a thread of its own, so that a reader that is slow, has stopped or
/// is gone never stops the loop.
public final class Output: Sendable {
    /// What becomes of bytes that come faster than they leave.
    public enum Excess: Sendable {
        /// Beyond so many waiting bytes they are dropped, a write at a time, and a line says so
        /// once there is room again.
        case drop(beyond: Int)
        /// They wait, and the caller sees to it that they do not become too many: `onRoom` is
        /// called when none waits any more.
        case wait(onRoom: @Sendable () -> Void)
    }

    private struct State {
        var waiting: [UInt8] = []
        var isScheduled = false
        var droppedWrites = 0
        var failure: Int32?
    }

    private let descriptor: Int32
    private let excess: Excess
    private let onGone: @Sendable (Int32) -> Void
    private let state = Mutex(State())
    private let queue: DispatchQueue

    /// Makes a writer.
    ///
    /// - Parameters:
    ///   - descriptor: Where to write: 1 for standard output, 2 for standard error.
    ///   - excess: What becomes of bytes that come faster than they leave.
    ///   - onGone: Called once, on another thread, with the `errno` of a write that failed. What
    ///     is written after that is dropped silently.
    public init(
        _ descriptor: Int32, excess: Excess, onGone: @escaping @Sendable (Int32) -> Void = { _ in }
    ) {
        self.descriptor = descriptor
        self.excess = excess
        self.onGone = onGone
        queue = DispatchQueue(label: "output \(descriptor)")
    }

    /// Writes the bytes soon.
    ///
    /// - Parameter bytes: The bytes.
    /// - Returns: How many bytes wait now.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Int {
        state.withLock { state in
            guard state.failure == nil else { return 0 }
            if case .drop(let limit) = excess, state.waiting.count + bytes.count > limit {
                state.droppedWrites += 1
                return state.waiting.count
            }
            state.waiting += bytes
            if !state.isScheduled {
                state.isScheduled = true
                queue.async { self.writeWaiting() }
            }
            return state.waiting.count
        }
    }

    /// Writes a line soon.
    ///
    /// - Parameter line: The line, without its end.
    public func write(line: String) {
        write(Array((line + "\n").utf8))
    }

    /// Waits until everything is written.
    ///
    /// - Parameter limit: How long to wait at most; nil for as long as it takes.
    public func flush(within limit: Duration? = nil) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        let timeout = limit.map { DispatchTime.now() + .milliseconds(Int($0 / .milliseconds(1))) }
        _ = done.wait(timeout: timeout ?? .distantFuture)
    }

    /// Calls on another thread once everything is written, or could not be, and then after `onGone`.
    ///
    /// - Parameter body: What to call.
    public func whenWritten(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    private func writeWaiting() {
        while let batch = nextBatch() {
            if let failure = writeAll(batch) {
                state.withLock { state in
                    state.failure = failure
                    state.waiting = []
                    state.isScheduled = false
                }
                onGone(failure)
                return
            }
        }
        if case .wait(let onRoom) = excess { onRoom() }
    }

    /// What waits, or nil, and then nothing is scheduled any more.
    private func nextBatch() -> [UInt8]? {
        state.withLock { state in
            var batch = state.waiting
            state.waiting = []
            if state.droppedWrites > 0 {
                let notice = "… \(state.droppedWrites) lines not shown: the output was blocked\n"
                batch += Array(notice.utf8)
                state.droppedWrites = 0
            }
            state.isScheduled = !batch.isEmpty
            return batch.isEmpty ? nil : batch
        }
    }

    /// Writes all of it, waiting where the descriptor does not block.
    ///
    /// - Returns: The `errno` of a write that failed; nil when all is written.
    private func writeAll(_ bytes: [UInt8]) -> Int32? {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    descriptor, buffer.baseAddress.map { unsafe $0 + written },
                    buffer.count - written)
            }
            if count >= 0 {
                written += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&request, 1, -1)
            default: return errno
            }
        }
        return nil
    }
}
