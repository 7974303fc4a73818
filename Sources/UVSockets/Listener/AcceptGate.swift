/// Decides whether the listener may accept the next client. It is told what happened and answers
/// with an action.
final class AcceptGate {
    enum Action: Equatable {
        /// Accept the next client.
        case accept
        /// Accept no more clients in this turn of the loop. Ask again in the next turn.
        case yield
        /// Accept nobody until a client leaves or the pause ends. After ``close()`` this is final.
        case hold
    }

    /// How many clients are accepted in one turn of the loop. The bound keeps a rush of new clients
    /// from delaying those already connected.
    static let budget = 16
    /// The first pause after an error, and the longest. Each further error in a row doubles the
    /// pause.
    static let firstPause = Duration.milliseconds(50)
    static let longestPause = Duration.seconds(1)

    private var isOpen = true
    private(set) var isPaused = false
    private var failuresInARow = 0
    private var turn: UInt64?
    private var acceptedInTurn = 0

    /// Whether nobody is accepted, even if there is room.
    var isShut: Bool { !isOpen || isPaused }

    /// Decides about the next client in this turn of the loop.
    ///
    /// - Parameters:
    ///   - turn: The number of the turn.
    ///   - isFull: Whether new clients have to wait until one leaves.
    /// - Returns: What to do.
    func next(turn: UInt64, isFull: Bool = false) -> Action {
        guard !isShut, !isFull else { return .hold }
        if turn != self.turn {
            self.turn = turn
            acceptedInTurn = 0
        }
        return acceptedInTurn < Self.budget ? .accept : .yield
    }

    /// A connection was accepted.
    ///
    /// - Returns: How many failures in a row this success ends.
    func accepted() -> Int {
        defer { failuresInARow = 0 }
        acceptedInTurn += 1
        return failuresInARow
    }

    /// Accepting failed, or listening again after that.
    ///
    /// - Returns: How long to pause, and whether this is the first failure in a row.
    func failed() -> (pause: Duration, isFirst: Bool) {
        isPaused = true
        let doublings = min(failuresInARow, 10)
        failuresInARow += 1
        return (min(Self.firstPause * (1 << doublings), Self.longestPause), doublings == 0)
    }

    /// The pause is over.
    func resumed() {
        isPaused = false
    }

    /// Nobody is accepted any more.
    func close() {
        isOpen = false
    }
}
