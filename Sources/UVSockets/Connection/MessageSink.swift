/// What gets a connection's messages in place of its agent's handler: a task that takes them, lends them to
/// a closure, or has them passed to another connection. A connection knows no more of tasks than this.
protocol MessageSink: AnyObject {
    /// Bytes have come, which are valid during the call; or none, and those that were kept may be
    /// delivered. Called within the receive cycle.
    func received(_ bytes: Span<UInt8>)
    /// The queue has risen above the high watermark.
    ///
    /// - Returns: Whether the sink holds back who fills it; where it does not, the options say.
    func queueFilled() -> Bool
    /// There is room in the queue again, or there never will be.
    func queueDrained()
    /// Nothing can be sent any more.
    func sendingEnded()
    /// No more messages come.
    func receivingEnded()
    /// The agent stops: no more messages are to be taken.
    func agentStops()
    /// Whether what it has taken is on its way to somebody else.
    var isPassing: Bool { get }
}

/// What messages are lent to. They are valid during the call.
typealias Borrower = (Span<UInt8>) throws -> Void
