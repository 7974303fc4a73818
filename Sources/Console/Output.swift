import Dispatch
import Foundation
import Glibc
import UVSockets

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
        /// Whether bytes wait or are being written.
        var isBusy = false
        var hasThread = false
        var droppedWrites = 0
        var failure: Int32?
        var onWritten: [@Sendable () -> Void] = []
    }

    /// How long the thread stays when there is nothing to write: a process of one thread has
    /// cheaper system calls.
    private static let patience = DispatchTimeInterval.milliseconds(50)

    private let descriptor: Int32
    private let excess: Excess
    private let onGone: @Sendable (Int32) -> Void
    private let state = Locked(State())
    private let more = DispatchSemaphore(value: 0)

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
            if !state.hasThread {
                state.hasThread = true
                Thread.detachNewThread { self.run() }
            } else if !state.isBusy {
                // A thread that is busy looks for more by itself.
                more.signal()
            }
            state.isBusy = true
            return state.waiting.count
        }
    }

    /// Writes a line soon.
    ///
    /// - Parameter line: The line, without its end.
    public func write(line: String) {
        write(Array((line + "\n").utf8))
    }

    /// Writes a line at once where that cannot block, and soon where it could: for the first line of
    /// a program that may have nothing more to say. It then needs no thread, and a process that has
    /// never had a second one has cheaper system calls.
    ///
    /// - Parameter line: The line, without its end.
    public func announce(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        let written = state.withLock { state in
            state.isBusy || state.failure != nil ? 0 : writeWithoutBlocking(bytes)
        }
        if written < bytes.count { write(Array(bytes[written...])) }
    }

    /// Writes what a descriptor that is ready takes: all, where that is not more than a pipe takes
    /// as a whole.
    private func writeWithoutBlocking(_ bytes: [UInt8]) -> Int {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard bytes.count <= Int(PIPE_BUF), unsafe poll(&request, 1, 0) == 1,
            request.revents == Int16(POLLOUT)
        else { return 0 }
        return max(0, unsafe Glibc.write(descriptor, bytes, bytes.count))
    }

    /// Waits until everything is written, or could not be.
    ///
    /// - Parameter limit: How long to wait at most; nil for as long as it takes.
    public func flush(within limit: Duration? = nil) {
        let done = DispatchSemaphore(value: 0)
        whenWritten { done.signal() }
        let timeout = limit.map { DispatchTime.now() + .milliseconds(Int($0 / .milliseconds(1))) }
        _ = done.wait(timeout: timeout ?? .distantFuture)
    }

    /// Calls, on any thread, once everything is written, or could not be, and then after `onGone`.
    ///
    /// - Parameter body: What to call.
    public func whenWritten(_ body: @escaping @Sendable () -> Void) {
        let isWritten = state.withLock { state in
            if state.isBusy { state.onWritten.append(body) }
            return !state.isBusy
        }
        if isWritten { body() }
    }

    /// The thread: writes what waits, and ends when nothing has come for a while.
    private func run() {
        repeat {
            while let batch = nextBatch() {
                if let failure = writeAll(batch, to: descriptor) { failed(failure) }
            }
        } while more.wait(timeout: .now() + Self.patience) == .success || !hasEnded()
    }

    /// Ends the thread, unless something came at the last moment.
    private func hasEnded() -> Bool {
        state.withLock { state in
            state.hasThread = state.isBusy
            return !state.hasThread
        }
    }

    private func failed(_ failure: Int32) {
        state.withLock { state in
            state.failure = failure
            state.waiting = []
        }
        onGone(failure)
    }

    /// What waits, or nil, and then everything is written.
    private func nextBatch() -> [UInt8]? {
        let (batch, onWritten) = state.withLock { state in
            var batch = state.waiting
            state.waiting = []
            if state.droppedWrites > 0, state.failure == nil {
                let notice = "… \(state.droppedWrites) lines not shown: the output was blocked\n"
                batch += Array(notice.utf8)
                state.droppedWrites = 0
            }
            state.isBusy = !batch.isEmpty
            defer { if !state.isBusy { state.onWritten = [] } }
            return (batch, state.isBusy ? [] : state.onWritten)
        }
        guard batch.isEmpty else { return batch }
        if case .wait(let onRoom) = excess { onRoom() }
        for body in onWritten { body() }
        return nil
    }
}
