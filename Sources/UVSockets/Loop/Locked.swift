internal import CLibuv

/// A value that threads share, under a lock.
///
/// The lock is libuv's rather than `Synchronization.Mutex` because Thread Sanitizer does not
/// understand the latter, and would find races wherever it is used.
@safe package final class Locked<Value>: @unchecked Sendable {
    // Unchecked because the value is used under the lock only.
    private let lock = UnsafeMutablePointer<uv_mutex_t>.allocate(capacity: 1)
    // Its exclusivity is not checked: the lock sees to it.
    @exclusivity(unchecked) private var value: Value
    private let isShared: Bool

    /// Shares a value.
    ///
    /// - Parameters:
    ///   - value: The value.
    ///   - isShared: Whether several threads use it: where one does, no lock is taken.
    package init(_ value: Value, isShared: Bool = true) {
        unsafe self.value = value
        self.isShared = isShared
        guard unsafe uv_mutex_init(lock) == 0 else { fatalError("no memory for a lock") }
    }

    deinit {
        unsafe uv_mutex_destroy(lock)
        unsafe lock.deallocate()
    }

    /// Uses the value, while no other thread does.
    @inline(__always)
    package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        guard isShared else { return unsafe body(&value) }
        unsafe uv_mutex_lock(lock)
        defer { unsafe uv_mutex_unlock(lock) }
        return unsafe body(&value)
    }
}
