import Foundation

/// Runs the body on a thread of its own, and brings back what it gives.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
    let answer = Journal<Result<Value, any Error>>()
    Thread.detachNewThread { answer.append(Result { try body() }) }
    return try answer.first().get()
}
