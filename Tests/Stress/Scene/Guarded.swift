import Foundation

/// A value behind a lock.
///
/// The lock is Foundation's, because Thread Sanitizer does not understand `Synchronization.Mutex`.
final class Guarded<Value>: @unchecked Sendable {
    private let lock = NSCondition()
    private var guarded: Value

    init(_ value: Value) {
        guarded = value
    }

    var value: Value {
        get { lock.withLock { guarded } }
        set { withLock { $0 = newValue } }
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.withLock {
            defer { lock.broadcast() }
            return body(&guarded)
        }
    }

    /// Waits until the value is as wanted.
    ///
    /// - Returns: Whether it has become so in time.
    func wait(until isEnough: (Value) -> Bool, within seconds: Double) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        return lock.withLock {
            while !isEnough(guarded), lock.wait(until: deadline) {}
            return isEnough(guarded)
        }
    }
}
