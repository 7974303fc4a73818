import Foundation

/// A value behind a lock.
///
/// The lock is Foundation's, because Thread Sanitizer does not understand `Synchronization.Mutex`.
final class Guarded<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var guarded: Value

    init(_ value: Value) {
        guarded = value
    }

    var value: Value {
        get { withLock { $0 } }
        set { withLock { $0 = newValue } }
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.withLock { body(&guarded) }
    }
}
