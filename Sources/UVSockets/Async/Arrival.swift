internal import Logging

extension UVLoop {
    /// Waits until the loop does what it is told, so that a task can come to it.
    ///
    /// - Parameters:
    ///   - call: What the loop was given to.
    ///   - subject: What that is about.
    ///   - deadline: How long to wait; nil for as long as it takes. A line in the log says after a
    ///     second that nobody runs the loop.
    /// - Throws: ``UVError`` where the loop is closed, or the time over; `CancellationError` where the
    ///   task was cancelled.
    nonisolated(nonsending) func awaitArrival(
        for call: String, _ subject: UVEndpoint, within deadline: Duration?
    ) async throws {
        guard !isOnLoop else { return }
        let arrival = Arrival()
        let isOpen = submitAlways { arrival.end(.arrived) }
        guard isOpen else { throw failure(call, subject, .canceled, "the loop is closed") }
        // The longest that a task can sleep is not as long as a duration can be.
        let deadline = deadline.map { min($0, .seconds(365 * 24 * 60 * 60)) }
        let warning = Task.detached { [logger] in
            let first = min(.seconds(1), deadline ?? .seconds(1))
            guard (try? await Task.sleep(for: first)) != nil else { return }
            logger.warning("\(call) \(subject): nobody runs the loop that it was given")
            guard let deadline, (try? await Task.sleep(for: deadline - first)) != nil else {
                return
            }
            arrival.end(.timedOut)
        }
        let outcome = await withTaskCancellationHandler {
            await arrival.outcome
        } onCancel: {
            arrival.end(.cancelled)
        }
        warning.cancel()
        switch outcome {
        case .arrived: return
        case .cancelled: throw CancellationError()
        case .timedOut: throw failure(call, subject, .timedOut, "nobody runs the loop")
        }
    }

    private func failure(
        _ call: String, _ subject: UVEndpoint, _ code: UVError.Code, _ reason: String
    ) -> UVError {
        UVError(call: call, subject: "\(subject)", code: code, reason: reason)
    }
}

/// Whether a loop has answered before something else ended the wait.
private final class Arrival: Sendable {
    enum Outcome: Sendable {
        case arrived, timedOut, cancelled
    }

    private let state = Locked<(outcome: Outcome?, waiting: CheckedContinuation<Outcome, Never>?)>(
        (nil, nil))

    /// The first that comes counts.
    func end(_ outcome: Outcome) {
        let waiting = state.withLock { state in
            guard state.outcome == nil else { return CheckedContinuation<Outcome, Never>?.none }
            state.outcome = outcome
            return state.waiting.take()
        }
        waiting?.resume(returning: outcome)
    }

    var outcome: Outcome {
        get async {
            await withCheckedContinuation { continuation in
                let outcome = state.withLock { state in
                    if state.outcome == nil { state.waiting = continuation }
                    return state.outcome
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        }
    }
}
