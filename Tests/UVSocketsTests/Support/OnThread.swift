import Foundation

/// Runs the body on a thread of its own, and brings back what it gives.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
    let answer = Journal<Result<Value, any Error>>()
    Thread.detachNewThread { answer.append(Result { try body() }) }
    return try answer.first().get()
}

/// Runs the body on a thread of its own, so that it may block, while tasks go on; as a part of the
/// test that calls it, to which failures in it belong.
func onThreadOfItsOwn<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async -> Result<Value, any Error> {
    await beginTask { Result { try body() } }.value
}

/// Waits for ever: only to be cancelled ends it, with `CancellationError`.
func waitForCancellation() async throws {
    let (nothing, continuation) = AsyncStream<Never>.makeStream()
    for await _ in nothing {}
    continuation.finish()
    try Task.checkCancellation()
}

/// Begins a task whose jobs each run on a thread of their own, so that it may block.
@discardableResult
func beginTask<Value: Sendable>(
    _ body: @escaping @Sendable () async -> Value
) -> Task<Value, Never> {
    Task(executorPreference: ThreadForEachJob()) { await body() }
}
