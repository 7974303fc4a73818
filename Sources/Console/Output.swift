import Dispatch
import Foundation
import Glibc
import UVSockets

/// Writes to a file descriptor from a thread of its own.
///
/// So a reader that is slow, has stopped or is gone never blocks the loop.
public final class Output: Sendable {
    /// What to do with bytes that come faster than they can be written.
    public enum Excess: Sendable {
        /// Drop them when this many bytes wait.
        ///
        /// Each write is dropped as a whole. A line in the output reports it once there is room
        /// again.
        case drop(beyond: Int)
        /// Keep them. The caller must make sure that they do not become too many.
        ///
        /// `onRoom` is called when none waits any more.
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

    /// How long the thread stays when there is nothing to write. It ends because system calls are
    /// cheaper in a process with one thread.
    private static let patience = DispatchTimeInterval.milliseconds(50)

    private let descriptor: Int32
    private let excess: Excess
    private let onGone: @Sendable (Int32) -> Void
    private let state = Locked(State())
    private let more = DispatchSemaphore(value: 0)

    /// Makes a writer.
    ///
    /// - Parameters:
    ///   - descriptor: The descriptor to write to: 1 for standard output, 2 for standard error.
    ///   - excess: What to do with bytes that come faster than they can be written.
    ///   - onGone: Called once, on another thread, with the `errno` of a failed write. Everything
    ///     written after that is dropped silently.
    public init(
        _ descriptor: Int32, excess: Excess, onGone: @escaping @Sendable (Int32) -> Void = { _ in }
    ) {
        self.descriptor = descriptor
        self.excess = excess
        self.onGone = onGone
    }

    /// Queues bytes to be written soon.
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
                // A busy thread looks for more bytes by itself.
                more.signal()
            }
            state.isBusy = true
            return state.waiting.count
        }
    }

    /// Queues a line to be written soon.
    ///
    /// - Parameter line: The line, without its end.
    public func write(line: String) {
        write(Array((line + "\n").utf8))
    }

    /// Writes a line at once if that cannot block, and otherwise soon.
    ///
    /// It is for the first line of a program that may print nothing more. Then no thread is needed.
    /// System calls are cheaper in a process that has never had a second thread.
    ///
    /// - Parameter line: The line, without its end.
    public func announce(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        let written = state.withLock { state in
            state.isBusy || state.failure != nil ? 0 : writeWithoutBlocking(bytes)
        }
        if written < bytes.count { write(Array(bytes[written...])) }
    }

    /// Writes what a ready descriptor takes. Writes nothing if it is not ready, or if the bytes are
    /// more than `PIPE_BUF`, the most that a pipe takes as a whole.
    private func writeWithoutBlocking(_ bytes: [UInt8]) -> Int {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard bytes.count <= Int(PIPE_BUF), unsafe poll(&request, 1, 0) == 1,
            request.revents == Int16(POLLOUT)
        else { return 0 }
        return max(0, unsafe Glibc.write(descriptor, bytes, bytes.count))
    }

    /// Waits until everything is written, or could not be written.
    ///
    /// - Parameter limit: How long to wait at most. Nil waits as long as it takes.
    public func flush(within limit: Duration? = nil) {
        let done = DispatchSemaphore(value: 0)
        whenWritten { done.signal() }
        let timeout = limit.map { DispatchTime.now() + .milliseconds(Int($0 / .milliseconds(1))) }
        _ = done.wait(timeout: timeout ?? .distantFuture)
    }

    /// Calls a closure on any thread, once everything is written or could not be written.
    ///
    /// If a write has failed, the call comes after `onGone`.
    ///
    /// - Parameter body: What to call.
    public func whenWritten(_ body: @escaping @Sendable () -> Void) {
        let isWritten = state.withLock { state in
            if state.isBusy { state.onWritten.append(body) }
            return !state.isBusy
        }
        if isWritten { body() }
    }

    /// Runs the thread: it writes what waits, and ends when nothing has come for a while.
    private func run() {
        repeat {
            while let batch = nextBatch() {
                if let failure = writeAll(batch, to: descriptor) { failed(failure) }
            }
        } while more.wait(timeout: .now() + Self.patience) == .success || !hasEnded()
    }

    /// Ends the thread, unless bytes came at the last moment.
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

    /// The bytes that wait. Nil means that everything is written.
    private func nextBatch() -> [UInt8]? {
        let (batch, onWritten) = state.withLock { state in
            var batch = state.waiting
            state.waiting = []
            if state.droppedWrites > 0, state.failure == nil {
                let notice = "… \(state.droppedWrites) lines were dropped: the output was blocked\n"
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
