internal import CLibuv

/// What other threads want done on the loop: the one place where threads meet, under the one lock.
///
/// The lock is libuv's rather than `Synchronization.Mutex` because Thread Sanitizer does not
/// understand the latter.
@safe final class Inbox {
    private let lock = UnsafeMutablePointer<uv_mutex_t>.allocate(capacity: 1)
    private let limit: Int
    private var waiting: [@Sendable () -> Void] = []
    private var wakeUp: AsyncHandle?
    private var isStopRequested = false
    private var isClosed = false

    init(limit: Int) {
        self.limit = limit
        guard unsafe uv_mutex_init(lock) == 0 else { fatalError("no memory for a lock") }
    }

    deinit {
        unsafe uv_mutex_destroy(lock)
        unsafe lock.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        unsafe uv_mutex_lock(lock)
        defer { unsafe uv_mutex_unlock(lock) }
        return body()
    }

    func open(_ wakeUp: AsyncHandle) {
        locked { self.wakeUp = wakeUp }
    }

    var isEmpty: Bool { locked { waiting.isEmpty && !isStopRequested } }

    /// Takes one more, and wakes the loop for the first of a batch.
    @discardableResult
    func post(_ body: @escaping @Sendable () -> Void) -> Bool {
        locked {
            guard !isClosed, waiting.count < limit else { return false }
            waiting.append(body)
            if waiting.count == 1 { wakeUp?.wake() }
            return true
        }
    }

    /// The loop is to stop, after what has been posted before, and whether or not there is room for
    /// more of that.
    func requestStop() {
        locked {
            isStopRequested = true
            wakeUp?.wake()
        }
    }

    func takeStopRequest() -> Bool {
        locked {
            defer { isStopRequested = false }
            return isStopRequested
        }
    }

    /// Runs what waits, but not what comes meanwhile: that is for the next turn.
    func drain() {
        let batch = locked {
            defer { waiting = [] }
            return waiting
        }
        for body in batch { body() }
    }

    /// Takes no more. Under the lock, so that no thread wakes a handle that is being closed.
    func close() {
        locked {
            isClosed = true
            wakeUp = nil
        }
    }
}
