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

    /// The server of the task, with its broadcasts and its statistics. It is nil for other tasks, and
    /// if the server cannot listen.
    public var server: UVServerHandle? { try? listening?.result?.get() }

    /// The result of the task; nil while it has not ended.
    public var result: Result<Value, any Error>? { outcome.result }

    /// Waits until the task has ended. It goes on only while the network runs, or when the network
    /// was released.
    ///
    /// - Returns: The result of the task.
    public func end() async -> Result<Value, any Error>? {
        await task.value
        return outcome.result
    }

    /// Cancels the task. The task notices when the network runs.
    public func cancel() {
        task.cancel()
    }
}

/// The result of a task, once there is one.
final class Outcome<Value: Sendable>: Sendable {
    private let state = Mutex<Result<Value, any Error>?>(nil)

    var result: Result<Value, any Error>? { state.withLock { $0 } }

    func set(_ result: Result<Value, any Error>) {
        state.withLock { $0 = result }
    }
}
