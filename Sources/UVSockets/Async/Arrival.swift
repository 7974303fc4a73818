internal import Logging

extension UVLoop {
    /// Begins something on the loop for a task that is elsewhere, which must not wait for ever where
    /// nobody runs the loop: the task waits beside the loop, not on it.
    ///
    /// - Parameters:
    ///   - call: What is begun.
    ///   - subject: What that is about.
    ///   - timeout: How long it may take where the loop does not answer; nil for as long as it takes.
    ///     A line in the log says so after a second. A loop that runs keeps to it by itself.
    ///   - abandon: Undoes what has begun too late: nobody waits for it any more.
    ///   - body: Begins it, on the loop.
    /// - Returns: What the closure returns.
    /// - Throws: What the closure throws; ``UVError`` where the loop is closed, or the time over;
    ///   `CancellationError` where the task was cancelled.
    nonisolated(nonsending) func begin<Value: Sendable>(
        _ call: String, _ subject: UVEndpoint, within timeout: Duration?,
        abandon: @escaping @Sendable (Value) async -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        // The task waits beside the loop for its answer. A task that waited in the inbox would keep a loop
        // that nobody has any more.
        let (answer, arrival) = (Arrival<Void>(), Arrival<Value>())
        guard submitAlways({ answer.end(.success(())) }) else {
            throw UVError(
                call: call, subject: "\(subject)", code: .canceled, reason: "the loop is closed")
        }
        let task = Task {
            do {
                try await answer.value
                let value = try await body()
                if !arrival.end(.success(value)) { await abandon(value) }
            } catch {
                arrival.end(.failure(error))
            }
        }
        let giveUp: @Sendable (any Error) -> Void = { error in
            arrival.end(.failure(error))
            answer.end(.failure(error))
            task.cancel()
        }
        let watching = Task { await watch(call, subject, within: timeout, giveUp: giveUp) }
        defer { watching.cancel() }
        return try await withTaskCancellationHandler {
            try await arrival.value
        } onCancel: {
            giveUp(CancellationError())
        }
    }

    /// Asks the loop once a second to answer, until this task is cancelled.
    ///
    /// - Parameters:
    ///   - call: What the loop is to do.
    ///   - subject: What that is about.
    ///   - timeout: When to give up a loop that does not answer; nil for never.
    ///   - giveUp: Called with the reason.
    private func watch(
        _ call: String, _ subject: UVEndpoint, within timeout: Duration?,
        giveUp: @Sendable (any Error) -> Void
    ) async {
        let silence = "the loop does not answer: nobody runs it, or a handler blocks it"
        // A duration can be longer than there is time.
        let timeout = timeout.map { min(max(.zero, $0), .seconds(365 * 24 * 60 * 60)) }
        var isTold = false
        let start = ContinuousClock.now
        while true {
            let hasAnswered = Locked(false)
            guard submitAlways({ hasAnswered.withLock { $0 = true } }) else { return }
            let left = timeout.map { $0 - (ContinuousClock.now - start) } ?? .seconds(1)
            let pause = left > .zero ? min(left, .seconds(1)) : .seconds(1)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            if hasAnswered.withLock({ $0 }) { continue }
            if !isTold { logger.warning("\(call) \(subject): \(silence)") }
            isTold = true
            guard let timeout, ContinuousClock.now - start >= timeout else { continue }
            return giveUp(
                UVError(call: call, subject: "\(subject)", code: .timedOut, reason: silence))
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
