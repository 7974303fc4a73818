/// One record of a ``FlightRecorder``.
package struct FlightRecord: Equatable, Sendable {
    /// The time of the loop's turn, since recording began.
    package let milliseconds: UInt64
    /// The number of the listener or connector.
    package let agent: UInt32
    /// Nil if a newer version has written it.
    package let event: RecordedEvent?
    /// The connection's id within its agent.
    package let connection: UInt64
    package let first: UInt64
    package let second: UInt64

    /// Reads the four words of a record. Its time is the one nearest to a known time.
    init(
        _ head: UInt64, _ connection: UInt64, _ first: UInt64, _ second: UInt64, latest: UInt64
    ) {
        milliseconds = BlackBoxLayout.time(UInt32(truncatingIfNeeded: head >> 32), near: latest)
        agent = UInt32(truncatingIfNeeded: head) >> 8
        event = RecordedEvent(rawValue: UInt8(truncatingIfNeeded: head))
        (self.connection, self.first, self.second) = (connection, first, second)
    }

    /// Whether it is about this connection.
    func isOf(_ connection: UVConnection) -> Bool {
        self.connection == connection.id && agent == connection.events.number & 0xFF_FFFF
    }
}

/// What can be recorded, and what the two numbers of its record mean.
///
/// The raw values are part of a file's format: they stay.
package enum RecordedEvent: UInt8, Sendable {
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
    /// What came does not fit the framing. First: where in the stream the frame begins. Second:
    /// where the offending byte is.
    case misframed = 8
    /// A call has failed. First: the error.
    case failed = 9
    /// The socket is closed. First: the reason. Second: how many sent bytes are lost.
    case ended = 10
    /// A handler took long. First: the milliseconds.
    case slowHandler = 11

    /// Whether messages do not cause it. Such an event also tells the latest time.
    @inline(__always)
    var isRare: Bool { self != .received && self != .sent }
}
