internal import CLibuv

/// A value that threads share, protected by a lock.
///
/// The lock is libuv's, not `Synchronization.Mutex`. Thread Sanitizer does not understand the
/// latter and would report races wherever it is used.
@safe package final class Locked<Value>: @unchecked Sendable {
    // Unchecked because the value is used only under the lock.
    private let lock = UnsafeMutablePointer<uv_mutex_t>.allocate(capacity: 1)
    // Exclusivity is not checked because the lock guarantees it.
    @exclusivity(unchecked) private var value: Value
    private let isShared: Bool

    /// Shares a value.
    ///
    /// - Parameters:
    ///   - value: The value.
    ///   - isShared: Whether several threads use it. If only one does, no lock is taken.
    package init(_ value: Value, isShared: Bool = true) {
        unsafe self.value = value
        self.isShared = isShared
        guard unsafe uv_mutex_init(lock) == 0 else { fatalError("not enough memory for a lock") }
    }

    deinit {
        unsafe uv_mutex_destroy(lock)
        unsafe lock.deallocate()
    }

    /// Passes the value to a closure while no other thread uses it.
    @inline(__always)
    package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        guard isShared else { return unsafe body(&value) }
        unsafe uv_mutex_lock(lock)
        defer { unsafe uv_mutex_unlock(lock) }
        return unsafe body(&value)
    }
}
