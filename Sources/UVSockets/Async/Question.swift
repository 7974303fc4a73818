/// A question that waits for its answer.
final class Question {
    let slot = TaskSlot()
    /// The question itself. Nil once the connector has it.
    var message: [UInt8]?
    /// Its key, if answers find their questions by keys.
    var key: AnyHashable?
    private(set) var result: Result<[UInt8], any Error>?
    /// Whether a connection has it. If not, it is kept for the next one.
    var isSent = false

    init(_ message: [UInt8]) {
        self.message = message
    }

    /// Only the first result counts.
    func finish(_ result: Result<[UInt8], any Error>, on loop: UVLoop) {
        guard self.result == nil else { return }
        self.result = result
        slot.wake(on: loop)
    }
}
