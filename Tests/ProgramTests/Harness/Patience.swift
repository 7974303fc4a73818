import Foundation

/// How long a test waits for anything before it fails.
///
/// It is long enough for a busy machine, and longer than the longest wait of a client that
/// reconnects, 30 seconds. No test waits that long when all is well.
let patience = Duration.seconds(60)

/// What a test waited for in vain, and what there was instead.
struct Overdue: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A call of the system that failed.
struct SystemFailure: Error, CustomStringConvertible {
    let description: String

    init(_ call: String, _ code: Int32 = errno) {
        description = "\(call): \(unsafe String(cString: strerror(code)))"
    }
}

/// Asks again and again until the answer is yes: for what another process does without telling.
/// What is waited for is named for the message when it does not come.
func wait(for what: String, until isTrue: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + patience
    while try !isTrue() {
        guard ContinuousClock.now < deadline else { throw Overdue("\(what): never happened") }
        sched_yield()
    }
}
