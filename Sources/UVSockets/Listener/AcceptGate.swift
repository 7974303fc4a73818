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

    private(set) var clients = 0
    private(set) var limit: Int
    private let refusesBeyond: Bool
    private var isOpen = true
    private(set) var isPaused = false
    private var failuresInARow = 0
    private var turn: UInt64?
    private var acceptedInTurn = 0

    /// Opens the gate for so many clients at a time. Those beyond wait, or come in to be refused.
    init(limit: Int, refusesBeyond: Bool = false) {
        self.limit = limit
        self.refusesBeyond = refusesBeyond
    }

    /// What to do about the next client, in this turn of the loop.
    func next(turn: UInt64) -> Action {
        guard isOpen, !isPaused, clients < limit || refusesBeyond else { return .hold }
        if turn != self.turn {
            self.turn = turn
            acceptedInTurn = 0
        }
        return acceptedInTurn < Self.budget ? .accept : .yield
    }

    /// Whether clients are kept waiting because there are as many as there may be.
    var isFull: Bool { clients >= limit }

    /// A connection was accepted.
    ///
    /// - Returns: How many failures in a row this ends.
    func accepted() -> Int {
        defer { failuresInARow = 0 }
        acceptedInTurn += 1
        return failuresInARow
    }

    /// What was accepted is a client now.
    func joined() {
        clients += 1
    }

    /// A client's socket was closed.
    func left() {
        clients -= 1
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
