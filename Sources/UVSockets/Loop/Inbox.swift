internal import CLibuv

/// What other threads want done on the loop: the one place where threads meet, under the one lock.
///
/// The lock is libuv's rather than `Synchronization.Mutex` because Thread Sanitizer does not
/// understand the latter.
@safe final class Inbox {
    private let lock = UnsafeMutablePointer<uv_mutex_t>.allocate(capacity: 1)
    private let limit: Int
    private var waiting: [@Sendable () -> Void] = []
    private var jobs: [LoopJob] = []
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

    var isEmpty: Bool { locked { waiting.isEmpty && jobs.isEmpty && !isStopRequested } }

    /// Takes one more, and wakes the loop for the first of a batch.
    @discardableResult
    func post(_ body: @escaping @Sendable () -> Void, isLimited: Bool = true) -> Bool {
        locked {
            guard !isClosed, waiting.count < limit || !isLimited else { return false }
            waiting.append(body)
            if waiting.count == 1, jobs.isEmpty { wakeUp?.wake() }
            return true
        }
    }

    /// Takes a task's job, whatever else waits: a task cannot be refused to go on.
    ///
    /// - Returns: False where the inbox is closed.
    func post(_ job: LoopJob) -> Bool {
        locked {
            guard !isClosed else { return false }
            jobs.append(job)
            if jobs.count == 1, waiting.isEmpty { wakeUp?.wake() }
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

    /// What other threads have left.
    struct Batch {
        let submissions: [@Sendable () -> Void]
        let jobs: [LoopJob]
        let isStopRequested: Bool
    }

    /// Takes what waits, but not what comes meanwhile: that is for the next turn.
    func take() -> Batch {
        locked {
            defer {
                waiting = []
                jobs = []
                isStopRequested = false
            }
            return Batch(
                submissions: waiting, jobs: jobs, isStopRequested: isStopRequested)
        }
    }

    /// Takes no more. Under the lock, so that no thread wakes a handle that is being closed.
    func close() {
        locked {
            isClosed = true
            wakeUp = nil
        }
    }
}
