internal import Logging

extension UVLoop {
    /// Begins something on the loop for a task that is elsewhere, which must not wait for ever where
    /// nobody runs the loop: the task waits beside the loop, not on it.
    ///
    /// - Parameters:
    ///   - call: What is begun.
    ///   - subject: What that is about.
    ///   - deadline: How long it may take where nobody runs the loop; nil for as long as it takes.
    ///     A line in the log says after a second that nobody does. A loop that runs keeps the
    ///     deadline itself.
    ///   - abandon: Undoes what has begun too late: nobody waits for it any more.
    ///   - body: Begins it, on the loop.
    /// - Returns: What the closure returns.
    /// - Throws: What the closure throws; ``UVError`` where the loop is closed, or the time over;
    ///   `CancellationError` where the task was cancelled.
    nonisolated(nonsending) func begin<Value: Sendable>(
        _ call: String, _ subject: UVEndpoint, within deadline: Duration?,
        abandon: @escaping @Sendable (Value) async -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard !isClosed else {
            throw UVError(
                call: call, subject: "\(subject)", code: .canceled, reason: "the loop is closed")
        }
        let arrival = Arrival<Value>()
        let task = Task {
            do {
                let value = try await body()
                if !arrival.end(.success(value)) { await abandon(value) }
            } catch {
                arrival.end(.failure(error))
            }
        }
        let watching = Task {
            await watch(call, subject, within: deadline) { arrival.end(.failure($0)) }
        }
        defer { watching.cancel() }
        return try await withTaskCancellationHandler {
            try await arrival.value
        } onCancel: {
            task.cancel()
            arrival.end(.failure(CancellationError()))
        }
    }

    /// Asks the loop once a second whether it runs, until this task is cancelled.
    ///
    /// - Parameters:
    ///   - call: What the loop is to do.
    ///   - subject: What that is about.
    ///   - deadline: When to give up a loop that does not run; nil for never.
    ///   - giveUp: Called with the reason.
    private func watch(
        _ call: String, _ subject: UVEndpoint, within deadline: Duration?,
        giveUp: @Sendable (UVError) -> Void
    ) async {
        var isTold = false
        let start = ContinuousClock.now
        while true {
            let hasAnswered = Locked(false)
            guard submitAlways({ hasAnswered.withLock { $0 = true } }) else { return }
            let left = deadline.map { $0 - (ContinuousClock.now - start) } ?? .seconds(1)
            let pause = left > .zero ? min(left, .seconds(1)) : .seconds(1)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            if hasAnswered.withLock({ $0 }) { continue }
            if !isTold {
                logger.warning("\(call) \(subject): nobody runs the loop that it was given")
            }
            isTold = true
            guard let deadline, ContinuousClock.now - start >= deadline else { continue }
            return giveUp(
                UVError(
                    call: call, subject: "\(subject)", code: .timedOut,
                    reason: "nobody runs the loop"))
        }
    }
}

/// What a loop has begun for a task that is elsewhere, or what has ended the wait for it.
private final class Arrival<Value: Sendable>: Sendable {
    typealias Outcome = Result<Value, any Error>

    private let state =
        Locked<(outcome: Outcome?, waiting: CheckedContinuation<Value, any Error>?)>((nil, nil))

    /// The first that comes counts.
    ///
    /// - Returns: Whether this was the first.
    @discardableResult
    func end(_ outcome: Outcome) -> Bool {
        let (isFirst, waiting) = state.withLock { state in
            guard state.outcome == nil else {
                return (false, CheckedContinuation<Value, any Error>?.none)
            }
            state.outcome = outcome
            return (true, state.waiting.take())
        }
        waiting?.resume(with: outcome)
        return isFirst
    }

    var value: Value {
        get async throws {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state in
                    if state.outcome == nil { state.waiting = continuation }
                    return state.outcome
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        }
    }
}
