/// Receives a connection's messages instead of its agent's handler. It is a task that takes them,
/// lends them to a closure, or has them relayed to another connection. A connection knows nothing
/// else about tasks.
protocol MessageSink: AnyObject {
    /// Bytes have come. They are valid during the call. If they are empty, kept bytes may be
    /// delivered. It is called within the receive cycle.
    func received(_ bytes: Span<UInt8>)
    /// The queue has risen above the high watermark.
    ///
    /// - Returns: Whether the sink holds back the sender that fills the queue. If not, the options
    ///   decide.
    func queueFilled() -> Bool
    /// The queue has room again, or never will.
    func queueDrained()
    /// Nothing can be sent any more.
    func sendingEnded()
    /// The last message has come, while nobody was waiting for it.
    func keepLast(_ message: [UInt8])
    /// No more messages come.
    func receivingEnded()
    /// The peer has given up the connection, and nobody asks for what came before that.
    func peerHasGone()
    /// The socket is closed. It is the last call.
    func connectionEnded()
    /// The agent stops. No more messages are to be taken.
    func agentStops()
    /// What the sink is doing about the connection.
    var stance: SinkStance { get }
    /// Whether taken messages are on their way to another connection.
    var isPassing: Bool { get }
}

/// What a sink is doing about its connection.
enum SinkStance {
    /// It waits for the next message, or handles those that came.
    case asks
    /// It waits for room to send.
    case awaitsRoom
    /// It waits for the end of the connection.
    case awaitsEnd
    /// It does something else, and asks for nothing.
    case isElsewhere
    /// What comes goes on to another connection.
    case relays(to: UVConnection)
}

/// A closure that borrows messages. They are valid during the call.
typealias Borrower = (Span<UInt8>) throws -> Void
