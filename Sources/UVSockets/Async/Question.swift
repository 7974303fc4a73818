/// A question that waits for its answer.
final class Question {
    let slot = TaskSlot()
    private(set) var result: Result<[UInt8], any Error>?
    /// Whether a connection has it. If not, it is kept for the next one.
    var isSent = false

    /// Only the first result counts.
    func finish(_ result: Result<[UInt8], any Error>, on loop: UVLoop) {
        guard self.result == nil else { return }
        self.result = result
        slot.wake(on: loop)
    }
}
