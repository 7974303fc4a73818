/// Counts what one connection receives in one turn of the loop.
///
/// With a limit on that, a connection that sends without end does not delay the others: libuv reads
/// a socket up to 32 times in a row (`uv__read`).
struct TurnBudget {
    private var turn: UInt64 = 0
    private var reader: ObjectIdentifier?
    private var bytes = 0

    /// Notes a read.
    ///
    /// - Returns: Whether the reader has received as much as the limit of one turn.
    mutating func read(_ count: Int, by reader: ObjectIdentifier, turn: UInt64, limit: Int) -> Bool
    {
        if turn != self.turn || reader != self.reader {
            self.turn = turn
            self.reader = reader
            bytes = 0
        }
        bytes += count
        guard bytes >= limit else { return false }
        bytes = 0
        return true
    }
}
