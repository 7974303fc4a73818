/// Two levels of a queue with a memory in between: above the high one it is full, and stays so
/// until it has fallen below the low one.
struct Watermark {
    enum Change: Equatable {
        case none, rose, fell
    }

    private(set) var isAbove = false

    /// The queue holds so many bytes now.
    mutating func update(_ bytes: Int, high: Int, low: Int) -> Change {
        if !isAbove, bytes > high {
            isAbove = true
            return .rose
        }
        if isAbove, bytes <= min(low, high) {
            isAbove = false
            return .fell
        }
        return .none
    }
}
