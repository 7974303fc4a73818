internal import Logging

extension UVLoop {
    /// Starts something on the loop for a task that runs elsewhere. The task must not wait for ever
    /// if nobody runs the loop. So it waits outside the loop, not on it.
    ///
    /// - Parameters:
    ///   - call: What is started.
    ///   - subject: The endpoint it is about.
    ///   - timeout: How long to wait for a loop that does not answer. Nil means for ever. After a
    ///     second without an answer, the log has a warning. A running loop keeps its own time
    ///     limit.
    ///   - abandon: Undoes a start that came too late, when nobody waits for it any more.
    ///   - body: Starts it, on the loop.
    /// - Returns: What the closure returns.
    /// - Throws: What the closure throws. ``UVError`` if the loop is closed or the time is over.
    ///   `CancellationError` if the task was cancelled.
    nonisolated(nonsending) func begin<Value: Sendable>(
        _ call: String, _ subject: UVEndpoint, within timeout: Duration?,
        abandon: @escaping @Sendable (Value) async -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        // The task waits outside the loop. A task that waited in the inbox would keep the loop
        // alive after nobody else has it.
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
    ///   - call: What the loop has to do.
    ///   - subject: The endpoint it is about.
    ///   - timeout: When to give up a loop that does not answer. Nil means never.
    ///   - giveUp: Called with the reason.
    private func watch(
        _ call: String, _ subject: UVEndpoint, within timeout: Duration?,
        giveUp: @Sendable (any Error) -> Void
    ) async {
        let silence = "the loop does not answer: nobody runs it, or a handler blocks it"
        // A duration can be too long to add to a time, so it is limited to a year.
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

/// The result of what a loop has started for a task elsewhere, or the error that ended the wait.
final class Arrival<Value: Sendable>: Sendable {
    typealias Outcome = Result<Value, any Error>

    private let state =
        Locked<(outcome: Outcome?, waiting: CheckedContinuation<Value, any Error>?)>((nil, nil))

    /// Sets the outcome. Only the first one counts.
    ///
    /// - Returns: Whether this outcome was the first.
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
