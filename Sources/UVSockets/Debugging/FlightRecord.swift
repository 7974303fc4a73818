/// One record of a ``FlightRecorder``.
struct FlightRecord {
    /// The time of the loop's turn, since the loop was made.
    let milliseconds: UInt32
    /// The number of the listener or connector.
    let agent: UInt32
    /// Nil if a newer version has written it.
    let event: RecordedEvent?
    /// The connection's id within its agent.
    let connection: UInt64
    let first: UInt64
    let second: UInt64

    /// Whether it is about this connection.
    func isOf(_ connection: UVConnection) -> Bool {
        self.connection == connection.id && agent == connection.events.number
    }
}

/// What can be recorded, and what the two numbers of its record mean.
///
/// The raw values are part of a file's format: they stay.
enum RecordedEvent: UInt8 {
    /// A listener has accepted it, or a connector has connected it. First: the peer's port.
    case began = 1
    /// Bytes have been received, and are handled next. First: how many. Second: how many had been
    /// received before.
    case received = 2
    /// The kernel was offered bytes. First: how many it took. Second: how many are queued now.
    case sent = 3
    /// Nothing is received any more. First: why not now. Second: all reasons.
    case held = 4
    /// A reason to hold it is gone. First: which. Second: the others.
    case released = 5
    /// The peer has finished sending.
    case peerFinished = 6
    /// This side has begun to end it. First: the reason.
    case ending = 7
    /// What came does not fit the framing. First: how many bytes had been received.
    case misframed = 8
    /// A call has failed. First: the error.
    case failed = 9
    /// The socket is closed. First: the reason. Second: how many sent bytes are lost.
    case ended = 10
    /// A handler took long. First: the milliseconds.
    case slowHandler = 11
}
