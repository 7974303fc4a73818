/// Decides by two levels whether a queue is full. Above the high level it is full. It stays full
/// until it has fallen to the low level.
struct Watermark {
    enum Change: Equatable {
        case none, rose, fell
    }

    private(set) var isAbove = false

    /// Updates the state: the queue holds this many bytes now.
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
