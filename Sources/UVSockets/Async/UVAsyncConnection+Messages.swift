extension UVAsyncConnection {
    /// The messages, each whole, in the order they came. Without a framing, the bytes as they come.
    ///
    /// They end when the peer has finished sending, when the listener is stopped, or when this side
    /// has closed the connection. In the first two cases, what the handler sends after that still
    /// leaves. Any other end is thrown as a ``UVEndReason``.
    ///
    /// If several tasks ask for messages, they wait for each other, and each message goes to one of
    /// them. A new iterator continues after the last message. Messages that came in one read of at most 64 KiB are there at once: between them
    /// nothing else runs on the loop, unless the task awaits something else.
    ///
    /// The task may keep a message. If nobody has it any more when the next one is asked for, its
    /// memory is used again, and the next message costs no allocation.
    public var messages: Messages { Messages(connection: self) }

    /// The messages of a connection, from ``UVAsyncConnection/messages``.
    public struct Messages: AsyncSequence, AsyncIteratorProtocol, Sendable {
        /// A message.
        public typealias Element = [UInt8]
        /// ``UVEndReason`` if the connection did not end normally, or `CancellationError`.
        public typealias Failure = any Error

        @usableFromInline let connection: UVAsyncConnection

        /// Waits for the next message.
        ///
        /// - Parameter actor: The caller's actor.
        /// - Returns: The message. Nil when no more will come.
        /// - Throws: ``UVEndReason`` if the connection did not end normally. `CancellationError` if
        ///   the task is cancelled and no message is there.
        @inlinable
        nonisolated(nonsending) public func next(
            isolation actor: (any Actor)?
        ) async throws -> [UInt8]? {
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
    /// - Throws: ``UVEndReason`` if the connection did not end normally. `CancellationError` if the
    ///   task is cancelled and no message is there.
    @inlinable
    nonisolated(nonsending) public func nextMessage() async throws -> [UInt8]? {
        if let message = takeMessage() { return message }
        return try await waitForMessage()
    }

    /// Waits for the next message, but not longer than this.
    ///
    /// Messages that come later stay to be received. If the handler of a server lets the error pass
    /// through, its client ends with ``UVEndReason/idle``, and nothing is logged.
    ///
    /// - Parameter limit: How long to wait, in whole milliseconds rounded up, at least 1. Nil waits
    ///   for ever.
    /// - Returns: The message. Nil when no more will come.
    /// - Throws: ``UVError`` with the code ``UVError/Code/timedOut`` if no message has come in this
    ///   time. Otherwise as ``nextMessage()`` does.
    nonisolated(nonsending) public func nextMessage(
        within limit: Duration?
    ) async throws -> [UInt8]? {
        if let message = takeMessage() { return message }
        guard let limit else { return try await waitForMessage() }
        return try await waitForMessage(within: limit)
    }

    // What a task keeps while it waits must fit in the first kibibyte of its memory. So the common
    // wait is a function of its own, with as few variables as possible.
    @usableFromInline
    nonisolated(nonsending) func waitForMessage() async throws -> [UInt8]? {
        guard loop.isHome(of: #isolation), owner?.isCurrent == true, !isTaken else {
            return try await waitInLine()
        }
        while try mayWait() {
            await wait(on: loop)
            // Others may have come meanwhile.
            if hasWaiters { passTurn() }
            if let message = pending.take() { return message }
            // If something else than a message woke it, one may have come since, and was kept.
            if let message = takeKept() { return message }
        }
        return nil
    }

    @inline(never)
    nonisolated(nonsending) private func waitInLine() async throws -> [UInt8]? {
        guard loop.isHome(of: #isolation) else {
            return try await LoopScope(loop).run { try await self.nextMessage() }
        }
        defer { passTurn() }
        if isTaken {
            try await takeTurn()
            if let message = takeMessage() { return message }
        }
        while try mayWait() {
            await waitUnlessCancelled(on: loop)
            if let message = takeKept() { return message }
        }
        return nil
    }

    @inline(never)
    nonisolated(nonsending) private func waitForMessage(
        within limit: Duration
    ) async throws -> [UInt8]? {
        guard loop.isHome(of: #isolation) else {
            return try await LoopScope(loop).run { try await self.nextMessage(within: limit) }
        }
        let limit = try WaitLimit(limit, for: self)
        defer {
            limit.end()
            passTurn()
        }
        if isTaken {
            try await takeTurn(within: limit)
            if let message = takeMessage() { return message }
        }
        while try mayWait() {
            if limit.isOver { throw limit.error(of: self) }
            await waitUnlessCancelled(on: loop)
            if let message = takeKept() { return message }
        }
        return nil
    }

    /// Waits until no other task waits for messages.
    nonisolated(nonsending) func takeTurn(within limit: WaitLimit? = nil) async throws {
        while isTaken {
            let slot = TaskSlot()
            limit?.turn = slot
            let isPassed = await wait(for: .turn, in: slot)
            if let limit, limit.isOver { throw limit.error(of: self) }
            guard isPassed else { throw CancellationError() }
        }
        limit?.turn = nil
    }

    /// The task that has waited for messages is done. Another one may wait.
    func passTurn() {
        guard let index = waiters.firstIndex(where: { $0.event == .turn }) else { return }
        waiters.remove(at: index).slot.wake(on: loop)
    }

    /// Whether a message may still come.
    private func mayWait() throws -> Bool {
        if let end = unexpectedEnd { throw end }
        try TaskReference.checkCancellation()
        return !isAtEnd
    }

    /// Calls a closure with each message, without a copy, until no more will come.
    ///
    /// The closure is called within the receive cycle, as a callback is, so it cannot await. Its
    /// answers to messages that came together leave together. The task sleeps meanwhile, and wakes
    /// once, at the end.
    ///
    /// Call it on the connection's loop, as the handler does. On another thread it traps.
    ///
    /// - Parameter body: Called with each message, which is valid during the call. If it throws, it
    ///   is not called again, and the remaining messages stay to be received.
    /// - Throws: What the closure throws. ``UVEndReason`` if the connection did not end normally,
    ///   as for ``messages``. `CancellationError` if the task is cancelled.
    nonisolated(nonsending) public func forEachMessage(
        _ body: @escaping (Span<UInt8>) throws -> Void
    ) async throws {
        let isHome = loop.isHome(of: #isolation)
        precondition(
            isHome,
            "UVAsyncConnection.forEachMessage was called elsewhere than on the connection's loop; "
                + "write nonisolated(nonsending) before the function that calls it")
        if isTaken { try await takeTurn() }
        defer { passTurn() }
        try Task.checkCancellation()
        lendMessages(to: body)
        if owner?.isCurrent == true {
            while isLending, !Task.isCancelled { await wait(on: loop) }
        } else {
            await waitWhileLending()
        }
        // Messages that had come before the listener was stopped.
        if isFinished, failure == nil { lendMessages(to: body) }
        if let failure = takeBack() { throw failure }
        if let end = unexpectedEnd { throw end }
        try Task.checkCancellation()
    }

    // A function of its own, so that a handler that waits keeps nothing for it.
    @inline(never)
    nonisolated(nonsending) private func waitWhileLending() async {
        while isLending, !Task.isCancelled { await waitUnlessCancelled(on: loop) }
    }

    /// A message that has come already, possibly together with the one that woke the task. Nil on
    /// another thread than the loop's.
    @usableFromInline
    func takeMessage() -> [UInt8]? {
        guard loop.isOnLoop else { return nil }
        if let message = base.takeReceived() { return message }
        return takeKept()
    }

    /// A message that was kept for the task. If there is none, receiving starts again.
    func takeKept() -> [UInt8]? {
        if let message = pending.take() { return message }
        guard base.holds.contains(.task) else { return nil }
        return base.takeKeptMessage()
    }
}

extension UVAsyncConnection {
    /// The call that an error names when a wait for a message is over.
    static let receiving = "receive from"
}

/// The time limit of one wait for a message.
final class WaitLimit {
    /// Where its task waits for its turn; nil once it waits for a message.
    var turn: TaskSlot?
    private let time: Duration
    private var timer: UVTimer?
    private(set) var isOver = false

    init(_ time: Duration, for connection: UVAsyncConnection) throws(UVError) {
        self.time = time
        let loop = connection.loop
        guard !loop.isClosed else { return }
        timer = try loop.after(time) { [self] in
            isOver = true
            timer = nil
            if let turn { turn.wake(on: loop) } else { connection.wake(on: loop) }
        }
    }

    func end() {
        timer?.cancel()
        timer = nil
    }

    func error(of connection: UVAsyncConnection) -> UVError {
        UVError(
            call: UVAsyncConnection.receiving, subject: "\(connection.peer)", code: .timedOut,
            reason: "no message came within \(time)")
    }
}
