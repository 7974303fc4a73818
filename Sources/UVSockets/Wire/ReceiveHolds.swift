/// The reasons why a connection does not receive although it could. If the set is empty, it does.
struct ReceiveHolds: OptionSet {
    let rawValue: UInt8

    /// Its user has paused it.
    static let paused = ReceiveHolds(rawValue: 1)
    /// Its queue is above the high watermark.
    static let sendQueue = ReceiveHolds(rawValue: 2)
    /// It has received more than its rate allows.
    static let rate = ReceiveHolds(rawValue: 4)
    /// It has received as much as it may in one turn of the loop.
    static let turn = ReceiveHolds(rawValue: 8)

    /// Its task has not asked for the messages that came.
    static let task = ReceiveHolds(rawValue: 16)
    /// Its task or its callbacks get no more messages, because its listener stops.
    static let finished = ReceiveHolds(rawValue: 32)
    /// The connection to which it relays has more bytes than it takes.
    static let relay = ReceiveHolds(rawValue: 64)

    /// At the last check its peer had given it up, and no hold was released since.
    static let abandoned = ReceiveHolds(rawValue: 128)

    /// The holds that can last. During them, no read tells that the peer is gone.
    static let lasting: ReceiveHolds = [.paused, .rate, .task, .relay]
}
