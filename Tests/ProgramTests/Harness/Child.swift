import Foundation

/// How a process ended.
enum Ending: Equatable {
    case code(Int32)
    case signal(Int32)
}

/// A process that we started. Signals go to its own id, and only while that id is still its own.
final class Child: @unchecked Sendable {
    let pid: pid_t
    // A lock of Foundation's, because Thread Sanitizer does not understand `Synchronization.Mutex`.
    private let condition = NSCondition()
    private var ending: Ending?

    /// Watches over a process that was just started.
    init(pid: pid_t) {
        self.pid = pid
        Thread.detachNewThread { [self] in watch() }
    }

    private func watch() {
        var info = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        condition.withLock {
            var status: Int32 = 0
            _ = unsafe waitpid(pid, &status, 0)
            ending = status & 0x7F == 0 ? .code((status >> 8) & 0xFF) : .signal(status & 0x7F)
            condition.broadcast()
        }
    }

    var isRunning: Bool { condition.withLock { ending == nil } }

    func send(_ signal: Int32) {
        condition.withLock {
            if ending == nil { _ = kill(pid, signal) }
        }
    }

    /// How it ended; nil where it did not within the time.
    func wait(_ time: Duration) -> Ending? {
        let deadline = Date(timeIntervalSinceNow: time / .seconds(1))
        return condition.withLock {
            while ending == nil, condition.wait(until: deadline) {}
            return ending
        }
    }
}
