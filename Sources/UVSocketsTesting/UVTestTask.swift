internal import Synchronization
public import UVSockets

/// A task on the loop of a ``UVTestNetwork``.
public final class UVTestTask<Value: Sendable>: Sendable {
    private let task: Task<Void, Never>
    private let outcome: Outcome<Value>
    private let listening: Outcome<UVServerHandle>?

    init(
        _ task: Task<Void, Never>, _ outcome: Outcome<Value>,
        listening: Outcome<UVServerHandle>? = nil
    ) {
        self.task = task
        self.outcome = outcome
        self.listening = listening
    }

    /// The server that the task serves, with its broadcasts and its statistics; nil for other tasks, and
    /// where it cannot listen.
    public var server: UVServerHandle? { try? listening?.result?.get() }

    /// How it has ended; nil while it has not.
    public var result: Result<Value, any Error>? { outcome.result }

    /// Waits for its end, which comes only while the network is run, or when that has ended.
    ///
    /// - Returns: How it has ended.
    public func end() async -> Result<Value, any Error>? {
        await task.value
        return outcome.result
    }

    /// Cancels it. It hears of that when the network is run.
    public func cancel() {
        task.cancel()
    }
}

/// What a task brings.
final class Outcome<Value: Sendable>: Sendable {
    private let state = Mutex<Result<Value, any Error>?>(nil)

    var result: Result<Value, any Error>? { state.withLock { $0 } }

    func set(_ result: Result<Value, any Error>) {
        state.withLock { $0 = result }
    }
}
