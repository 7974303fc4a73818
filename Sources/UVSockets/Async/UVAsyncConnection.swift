/// A connection in the hands of a task: its messages are awaited, and so is room to send more.
///
///     try await UVListener.serve(at: "[::]:8081", framing: .lines) { client in
///         for try await line in client.messages {
///             try await client.send(line)
///         }
///     }
///
/// It belongs to its loop's thread, on which the handler that is given it runs, also after it has
/// awaited something elsewhere. When the handler returns, the connection is closed after all that
/// was sent has left.
///
/// A task that does not ask for messages holds its peer back: what comes meanwhile, at most one
/// read of 64 KiB, is kept, and then nothing is received.
public final class UVAsyncConnection: Identifiable, ParkingSlot {
    // What each message touches stands first.

    /// What gets messages without a copy.
    var borrower: Borrower?
    /// The connection itself, with its counters, framing and options. Its messages come here alone.
    public let connection: UVConnection
    /// The task that waits for a message, or for the end of them.
    var job: UnownedJob?
    /// A message that came and was not taken yet.
    var pending: [UInt8]?
    /// What the closure has thrown that got messages.
    var failure: (any Error)?
    /// The tasks that wait for the queue to fall below the low watermark, in their order.
    var senders: [TaskSlot] = []
    /// What passes the messages on to another connection.
    var relay: Relay? {
        didSet {
            connection.isStallExempt = relay != nil
            // Its stall deadline holds again, or does not any more.
            connection.watch()
        }
    }

    /// How far it was when a relay was cut off, see ``progress``; the greatest number where none was.
    var cutOffAt = UInt64.max

    init(_ connection: UVConnection) {
        self.connection = connection
    }

    /// Which of its agent's connections this is.
    public var id: UVConnection.ID { connection.id }
    /// The other end's address.
    public var peer: UVEndpoint { connection.peer }

    /// The server whose client this is, on all of its loops; nil for a connector's connection.
    public var server: UVServerHandle? { connection.listener?.remote }

    /// Ends the connection at once. Queued bytes are lost, and the peer gets an error, ECONNRESET.
    public func reset() {
        connection.reset()
    }

    // MARK: - Receiving

    /// The messages, each whole, in the order they came; without a framing, bytes as they come.
    ///
    /// They end when the peer has finished sending, when the listener is stopped, or when this side
    /// has closed the connection; what the handler sends after that, except in the last case, still
    /// leaves. Any other end is thrown, a ``UVEndReason``.
    ///
    /// One task at a time may wait for a message. To ask again, also with a new iterator, goes on
    /// behind the last message. Messages that came together in one read, of at most 64 KiB, are there
    /// when they are asked for: between them nothing else runs on the loop, unless the task awaits
    /// something else.
    ///
    /// A message is the task's to keep. One that nobody has any more when the next is asked for costs
    /// no allocation: its memory is used again.
    public var messages: Messages { Messages(connection: self) }

    /// The messages of a connection, from ``UVAsyncConnection/messages``.
    public struct Messages: AsyncSequence, AsyncIteratorProtocol {
        /// A message.
        public typealias Element = [UInt8]
        /// How the connection ended, where it was not as it should.
        public typealias Failure = UVEndReason

        @usableFromInline let connection: UVAsyncConnection

        /// Waits for the next message.
        ///
        /// - Parameter actor: Where the caller runs, which is the loop's thread in any case.
        /// - Returns: The message; nil when no more will come.
        /// - Throws: ``UVEndReason`` where the connection did not end as it should.
        @inlinable
        nonisolated(nonsending) public func next(
            isolation actor: (any Actor)?
        ) async throws(UVEndReason) -> [UInt8]? {
            try await connection.nextMessage()
        }

        /// The messages themselves: there is nothing to begin with.
        ///
        /// - Returns: The iterator.
        public func makeAsyncIterator() -> Messages { self }
    }

    /// Waits for the next message, as a loop over ``messages`` does: for protocols that ask and
    /// answer in turn.
    ///
    /// - Returns: The message; nil when no more will come.
    /// - Throws: ``UVEndReason`` where the connection did not end as it should.
    @inlinable
    nonisolated(nonsending) public func nextMessage() async throws(UVEndReason) -> [UInt8]? {
        if let message = takeMessage() { return message }
        return try await waitForMessage()
    }

    @usableFromInline
    nonisolated(nonsending) func waitForMessage() async throws(UVEndReason) -> [UInt8]? {
        precondition(!isTaken, "two tasks wait for messages of one connection")
        if !isAtEnd {
            await wait(on: connection.loop)
            if let message = pending.take() { return message }
        }
        if let end = unexpectedEnd { throw end }
        return nil
    }

    /// Calls a closure with each message, without a copy, until no more will come.
    ///
    /// The closure is called from within the receive cycle, as a callback is, and so cannot await;
    /// what it sends leaves together with what it sends to the messages that came with this one. The
    /// task sleeps meanwhile, and wakes once, at the end.
    ///
    /// - Parameter body: What to do with a message, which is valid during the call. Where it throws,
    ///   it is not called again, and the messages behind stay to be received.
    /// - Throws: What the closure throws; ``UVEndReason`` where the connection did not end as it
    ///   should, as ``messages`` does.
    nonisolated(nonsending) public func forEachMessage(
        _ body: @escaping (Span<UInt8>) throws -> Void
    ) async throws {
        connection.loop.confine("UVAsyncConnection.forEachMessage")
        precondition(!isTaken, "two tasks wait for messages of one connection")
        lendMessages(to: body)
        if isLending { await wait(on: connection.loop) }
        // What had come when the listener was stopped.
        if isFinished, failure == nil { lendMessages(to: body) }
        if let failure = takeBack() { throw failure }
        if let end = unexpectedEnd { throw end }
    }

    /// A message that has come already, be it with the one that woke the task.
    @usableFromInline
    func takeMessage() -> [UInt8]? {
        if let message = connection.takeReceived() { return message }
        return takeKept()
    }

    /// A message that has waited for the task; starts to receive again where there is none.
    func takeKept() -> [UInt8]? {
        if let message = pending.take() { return message }
        guard connection.holds.contains(.task) else { return nil }
        return connection.takeKeptMessage()
    }

    // MARK: - Sending

    /// Sends a message, and waits while the peer takes what it is sent more slowly than it is sent.
    /// Any number of tasks may send, and wait; they go on in the order in which they came.
    ///
    /// A task that sends without end to fast peers need not wait for room. So that others have their
    /// turn, the tasks of a loop wait for its next turn after each 256 KiB that they have sent. A message
    /// counts 64 bytes more than it has.
    ///
    /// - Parameter message: The message.
    /// - Throws: ``UVEndReason`` where the connection has ended, or does so while this waits, so that
    ///   the message may not have left; ``FramingError`` where the message cannot be one frame.
    @inlinable
    nonisolated(nonsending) public func send(_ message: [UInt8]) async throws {
        let result = connection.send(message.span)
        if case .taken = result, !connection.loop.endsTurn(message.count) { return }
        try await sent(result)
    }

    /// Sends a text as UTF-8, as ``send(_:)-([UInt8])`` does.
    ///
    /// - Parameter text: The text, or a part of one. Nothing is added to it but what the framing adds.
    /// - Throws: As ``send(_:)-([UInt8])`` does.
    @inlinable
    nonisolated(nonsending) public func send(_ text: some StringProtocol) async throws {
        try await send(text.utf8)
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer, as
    /// ``send(_:)-([UInt8])`` does. They are copied first only where they do not lie together.
    ///
    /// - Parameter message: The message.
    /// - Throws: As ``send(_:)-([UInt8])`` does.
    @inlinable
    nonisolated(nonsending) public func send(_ message: some Collection<UInt8>) async throws {
        let (result, count) = message.withSpan { (connection.send($0), $0.count) }
        if case .taken = result, !connection.loop.endsTurn(count) { return }
        try await sent(result)
    }

    /// Sends a message, as ``UVConnection/send(_:)-(Span<UInt8>)`` does: for closures that cannot
    /// wait, such as that of ``forEachMessage(_:)``.
    ///
    /// - Parameter message: The message; it is not needed after the call.
    /// - Returns: Whether it was taken, and whether to send more.
    @discardableResult
    public func send(_ message: Span<UInt8>) -> UVSendResult {
        connection.send(message)
    }

    @usableFromInline
    nonisolated(nonsending) func sent(_ result: UVSendResult) async throws {
        switch result {
        case .taken: await waitForTurn()
        case .takenButFull: await waitUntilDrained()
        case .refused(let error): throw error
        case .closed: break
        }
        if !connection.isOpen { throw connection.state.endOfSending }
    }

    nonisolated(nonsending) private func waitUntilDrained() async {
        let sender = TaskSlot()
        senders.append(sender)
        await sender.wait(on: connection.loop)
    }

    nonisolated(nonsending) private func waitForTurn() async {
        let slot = TaskSlot()
        connection.loop.wakeInNextTurn(slot)
        await slot.wait(on: connection.loop)
    }
}
