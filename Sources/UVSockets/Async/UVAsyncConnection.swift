/// A connection for a task. The task awaits its messages, and waits for room to send more.
///
///     try await UVListener.serve(at: "[::]:8081", framing: .lines) { client in
///         for try await line in client.messages {
///             try await client.send(line)
///         }
///     }
///
/// It belongs to its loop's thread. The handler that gets it runs on that thread, also after it has
/// awaited something elsewhere. When the handler returns, the connection is closed after everything
/// that was sent has left.
///
/// A task that does not ask for messages holds its peer back. At most one read of 64 KiB is kept.
/// After that nothing is received.
public final class UVAsyncConnection: Identifiable, ParkingSlot {
    // The fields that each message uses come first.

    /// The closure that gets messages without a copy.
    var borrower: Borrower?
    /// The connection itself, with its counters, framing and options. Only this object gets its
    /// messages.
    public let connection: UVConnection
    /// The task that waits for a message or for the end of the messages.
    var job: UnownedJob?
    /// A message that came and was not taken yet.
    var pending: [UInt8]?
    /// The error that the borrowing closure has thrown.
    var failure: (any Error)?
    /// The tasks that wait for the queue to fall to the low watermark, in the order they came.
    var senders: [TaskSlot] = []
    /// The relay that passes the messages on to another connection.
    var relay: Relay? {
        didSet {
            connection.isStallExempt = relay != nil
            // The stall deadline starts or stops to apply.
            connection.watch()
        }
    }

    /// The ``progress`` at which a relay was cut off. The greatest number if none was.
    var cutOffAt = UInt64.max

    init(_ connection: UVConnection) {
        self.connection = connection
    }

    /// The connection's id within its listener or connector.
    public var id: UVConnection.ID { connection.id }
    /// The other end's address.
    public var peer: UVEndpoint { connection.peer }

    /// The server of this client, with all of its loops. Nil for a connector's connection.
    public var server: UVServerHandle? { connection.listener?.remote }

    /// Ends the connection at once. Queued bytes are lost, and the peer gets the error ECONNRESET.
    public func reset() {
        connection.reset()
    }

    // MARK: - Receiving

    /// The messages, each whole, in the order they came. Without a framing, the bytes as they come.
    ///
    /// They end when the peer has finished sending, when the listener is stopped, or when this side
    /// has closed the connection. In the first two cases, what the handler sends after that still
    /// leaves. Any other end is thrown as a ``UVEndReason``.
    ///
    /// Only one task at a time may wait for a message. A new iterator continues after the last
    /// message. Messages that came in one read of at most 64 KiB are there at once: between them
    /// nothing else runs on the loop, unless the task awaits something else.
    ///
    /// The task may keep a message. If nobody has it any more when the next one is asked for, its
    /// memory is used again, and the next message costs no allocation.
    public var messages: Messages { Messages(connection: self) }

    /// The messages of a connection, from ``UVAsyncConnection/messages``.
    public struct Messages: AsyncSequence, AsyncIteratorProtocol {
        /// A message.
        public typealias Element = [UInt8]
        /// How the connection ended, if it did not end normally.
        public typealias Failure = UVEndReason

        @usableFromInline let connection: UVAsyncConnection

        /// Waits for the next message.
        ///
        /// - Parameter actor: The caller's actor. The caller runs on the loop's thread in any case.
        /// - Returns: The message. Nil when no more will come.
        /// - Throws: ``UVEndReason`` if the connection did not end normally.
        @inlinable
        nonisolated(nonsending) public func next(
            isolation actor: (any Actor)?
        ) async throws(UVEndReason) -> [UInt8]? {
            try await connection.nextMessage()
        }

        /// Returns the messages themselves: they are their own iterator.
        ///
        /// - Returns: The iterator.
        public func makeAsyncIterator() -> Messages { self }
    }

    /// Waits for the next message, as a loop over ``messages`` does.
    ///
    /// It is for protocols in which the two sides ask and answer in turn.
    ///
    /// - Returns: The message. Nil when no more will come.
    /// - Throws: ``UVEndReason`` if the connection did not end normally.
    @inlinable
    nonisolated(nonsending) public func nextMessage() async throws(UVEndReason) -> [UInt8]? {
        if let message = takeMessage() { return message }
        return try await waitForMessage()
    }

    @usableFromInline
    nonisolated(nonsending) func waitForMessage() async throws(UVEndReason) -> [UInt8]? {
        precondition(!isTaken, "only one task may wait for the messages of a connection")
        if !isAtEnd {
            await wait(on: connection.loop)
            if let message = pending.take() { return message }
        }
        if let end = unexpectedEnd { throw end }
        return nil
    }

    /// Calls a closure with each message, without a copy, until no more will come.
    ///
    /// The closure is called within the receive cycle, as a callback is, so it cannot await. Its
    /// answers to messages that came together leave together. The task sleeps meanwhile, and wakes
    /// once, at the end.
    ///
    /// - Parameter body: Called with each message, which is valid during the call. If it throws, it
    ///   is not called again, and the remaining messages stay to be received.
    /// - Throws: What the closure throws. ``UVEndReason`` if the connection did not end normally,
    ///   as for ``messages``.
    nonisolated(nonsending) public func forEachMessage(
        _ body: @escaping (Span<UInt8>) throws -> Void
    ) async throws {
        connection.loop.confine("UVAsyncConnection.forEachMessage")
        precondition(!isTaken, "only one task may wait for the messages of a connection")
        lendMessages(to: body)
        if isLending { await wait(on: connection.loop) }
        // Messages that had come before the listener was stopped.
        if isFinished, failure == nil { lendMessages(to: body) }
        if let failure = takeBack() { throw failure }
        if let end = unexpectedEnd { throw end }
    }

    /// A message that has come already, possibly together with the one that woke the task.
    @usableFromInline
    func takeMessage() -> [UInt8]? {
        if let message = connection.takeReceived() { return message }
        return takeKept()
    }

    /// A message that was kept for the task. If there is none, receiving starts again.
    func takeKept() -> [UInt8]? {
        if let message = pending.take() { return message }
        guard connection.holds.contains(.task) else { return nil }
        return connection.takeKeptMessage()
    }

    // MARK: - Sending

    /// Sends a message, and waits while the peer takes bytes more slowly than they are sent.
    ///
    /// Any number of tasks may send and wait. They continue in the order in which they came.
    ///
    /// A task that keeps sending to fast peers never needs to wait for room. To give others a turn,
    /// the tasks of a loop wait for its next turn after each 256 KiB that they have sent. Each
    /// message counts 64 bytes more than its length.
    ///
    /// - Parameter message: The message.
    /// - Throws: ``UVEndReason`` if the connection has ended, or ends while this waits. Then the
    ///   message may not have left. ``FramingError`` if the message cannot be one frame.
    @inlinable
    nonisolated(nonsending) public func send(_ message: [UInt8]) async throws {
        let result = connection.send(message.span)
        if case .taken = result, !connection.loop.endsTurn(message.count) { return }
        try await sent(result)
    }

    /// Sends a text as UTF-8, as ``send(_:)-([UInt8])`` does.
    ///
    /// - Parameter text: The text, or a part of one. Only the framing adds bytes to it.
    /// - Throws: As ``send(_:)-([UInt8])`` does.
    @inlinable
    nonisolated(nonsending) public func send(_ text: some StringProtocol) async throws {
        try await send(text.utf8)
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer.
    ///
    /// It works as ``send(_:)-([UInt8])`` does. The bytes are copied first only if they are not
    /// contiguous in memory.
    ///
    /// - Parameter message: The message.
    /// - Throws: As ``send(_:)-([UInt8])`` does.
    @inlinable
    nonisolated(nonsending) public func send(_ message: some Collection<UInt8>) async throws {
        let (result, count) = message.withSpan { (connection.send($0), $0.count) }
        if case .taken = result, !connection.loop.endsTurn(count) { return }
        try await sent(result)
    }

    /// Sends a message without waiting, as ``UVConnection/send(_:)-(Span<UInt8>)`` does.
    ///
    /// It is for closures that cannot wait, such as the one of ``forEachMessage(_:)``.
    ///
    /// - Parameter message: The message. It is not needed after the call.
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
