import Foundation
import Synchronization

/// How a process ended.
enum Ending: Equatable {
    case code(Int32)
    case signal(Int32)
}

/// A process that we started. Signals go to its own id, and only while that id is still its own.
final class Child: Sendable {
    let pid: pid_t
    private let ending = Mutex<Ending?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    /// Watches over a process that was just started.
    init(pid: pid_t) {
        self.pid = pid
        Thread.detachNewThread { [self] in watch() }
    }

    private func watch() {
        var info = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        ending.withLock { ending in
            var status: Int32 = 0
            _ = unsafe waitpid(pid, &status, 0)
            ending = status & 0x7F == 0 ? .code((status >> 8) & 0xFF) : .signal(status & 0x7F)
        }
        ended.signal()
    }

    var isRunning: Bool { ending.withLock { $0 == nil } }

    func send(_ signal: Int32) {
        ending.withLock { ending in
            if ending == nil { _ = kill(pid, signal) }
        }
    }

    /// How it ended; nil where it did not within the time.
    func wait(_ time: Duration) -> Ending? {
        let timeout = DispatchTime.now() + .milliseconds(Int(time / .milliseconds(1)))
        guard ended.wait(timeout: timeout) == .success else { return nil }
        ended.signal()
        return ending.withLock { $0 }
    }
}
