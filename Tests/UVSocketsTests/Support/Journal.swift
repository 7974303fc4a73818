import Foundation

/// What happened on another thread, in order; the test's thread waits for it to have happened.
final class Journal<Entry: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var written: [Entry] = []

    /// What is written so far.
    var entries: [Entry] {
        condition.lock()
        defer { condition.unlock() }
        return written
    }

    func append(_ entry: Entry) {
        condition.lock()
        written.append(entry)
        condition.broadcast()
        condition.unlock()
    }

    /// Waits until the entries are as wanted.
    ///
    /// - Throws: ``TimedOut`` where they do not become so.
    @discardableResult
    func wait(
        seconds: Double = patience, until isEnough: ([Entry]) -> Bool
    ) throws(TimedOut) -> [Entry] {
        condition.lock()
        defer { condition.unlock() }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !isEnough(written) {
            guard condition.wait(until: deadline) || isEnough(written) else {
                throw TimedOut("\(written.count) entries: \(written.suffix(5))")
            }
        }
        return written
    }

    /// Waits for so many entries.
    @discardableResult
    func wait(for count: Int, seconds: Double = patience) throws(TimedOut) -> [Entry] {
        try wait(seconds: seconds) { $0.count >= count }
    }

    /// Waits for so many entries, without taking a thread from tasks.
    @discardableResult
    func arrival(of count: Int) async throws -> [Entry] {
        try await onThreadOfItsOwn { try self.wait(for: count) }.get()
    }

    /// Waits for the first entry.
    func first(seconds: Double = patience) throws(TimedOut) -> Entry {
        try wait(for: 1, seconds: seconds)[0]
    }
}

/// How many seconds a test waits for something that is certain to come, on the slowest machine.
let patience = 30.0

/// What a test waited for did not come.
struct TimedOut: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) {
        description = "timed out waiting: \(what)"
    }
}
