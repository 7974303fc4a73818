/// Decides whether the next client may come in. It is told what happened and answers with what to
/// do.
final class AcceptGate {
    enum Action: Equatable {
        /// Accept the next client.
        case accept
        /// Accept no more in this turn, and ask again in the next.
        case yield
        /// Accept nobody until a client leaves, the pause ends, or ever again.
        case hold
    }

    /// How many clients are accepted in one turn of the loop, so that a crowd at the door does not
    /// keep those inside waiting.
    static let budget = 16
    /// The first pause after an error, and the longest; each error in a row doubles it.
    static let firstPause = Duration.milliseconds(50)
    static let longestPause = Duration.seconds(1)

    private var isOpen = true
    private(set) var isPaused = false
    private var failuresInARow = 0
    private var turn: UInt64?
    private var acceptedInTurn = 0

    /// Whether nobody is accepted, however much room there is.
    var isShut: Bool { !isOpen || isPaused }

    /// What to do about the next client, in this turn of the loop.
    ///
    /// - Parameters:
    ///   - turn: The turn.
    ///   - isFull: Whether clients have to wait until one leaves.
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
    /// - Returns: How many failures in a row this ends.
    func accepted() -> Int {
        defer { failuresInARow = 0 }
        acceptedInTurn += 1
        return failuresInARow
    }

    /// Accepting, or listening again, failed.
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

    /// Nobody comes in any more.
    func close() {
        isOpen = false
    }
}
