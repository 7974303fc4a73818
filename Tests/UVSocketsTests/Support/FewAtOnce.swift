import Foundation
import Testing

/// Runs a few tests of all suites at once, off the pool where they block.
///
/// The pool has a thread for each core: two tests that block there keep out every task, also those
/// that they wait for. A test waits for its place without a thread, and before its time limit begins.
/// The cases of one test come one after the other.
///
/// Both test targets have this file, one of them as a link, and each has places of its own.
struct FewAtOnce: TestTrait, SuiteTrait, TestScoping {
    /// They wait more than they compute.
    private static let places = Places(4)
    /// The place that the cases of the current test share.
    @TaskLocal private static var placeOfCases = Places(1)

    fileprivate let areOnPool: Bool

    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? {
        test.isSuite ? nil : self
    }

    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase == nil else {
            return try await Self.placeOfCases.withPlace(function)
        }
        let threads = areOnPool ? nil : ThreadForEachJob()
        try await Self.places.withPlace {
            try await withTaskExecutorPreference(threads) {
                try await Self.$placeOfCases.withValue(Places(1)) { try await function() }
            }
        }
    }
}

extension Trait where Self == FewAtOnce {
    /// The tests have threads of their own, so that they may block.
    static var ownThreads: Self { FewAtOnce(areOnPool: false) }

    /// The tests await, and never block: they are on the pool, as a user's tasks are.
    static var onPool: Self { FewAtOnce(areOnPool: true) }
}

/// Lets in as many tasks as there are places. The others wait, without a thread, in the order in
/// which they came.
private final class Places: @unchecked Sendable {
    // A lock of Foundation's, because Thread Sanitizer does not understand `Synchronization.Mutex`.
    private let lock = NSLock()
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) {
        free = count
    }

    func withPlace(_ body: () async throws -> Void) async rethrows {
        await withCheckedContinuation { continuation in
            let isFree = lock.withLock {
                if free == 0 {
                    waiting.append(continuation)
                    return false
                }
                free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
        defer { leave() }
        try await body()
    }

    private func leave() {
        let next = lock.withLock { () -> CheckedContinuation<Void, Never>? in
            guard waiting.isEmpty else { return waiting.removeFirst() }
            free += 1
            return nil
        }
        next?.resume()
    }
}

/// Runs each job of its tasks on a thread of the job's own.
final class ThreadForEachJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { [self] in
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
