extension UVAsyncConnection {
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
    ///   `CancellationError` if the task is cancelled while it waits for room. Then the message was
    ///   taken, and still leaves.
    @inlinable
    nonisolated(nonsending) public func send(_ message: [UInt8]) async throws {
        let rest = offer(message.span)
        if rest != .nothing { try await finishSending(rest, message) }
    }

    /// Sends a text as UTF-8, and waits for room as the `send` of an array does.
    ///
    /// - Parameter text: The text, or a part of one. Only the framing adds bytes to it.
    /// - Throws: As the `send` of an array does.
    @inlinable
    nonisolated(nonsending) public func send(_ text: some StringProtocol) async throws {
        try await send(text.utf8)
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer.
    ///
    /// It waits for room as the `send` of an array does. The bytes are copied first only if they are not
    /// contiguous in memory, or if the caller is not on the connection's loop.
    ///
    /// - Parameter message: The message.
    /// - Throws: As the `send` of an array does.
    @inlinable
    nonisolated(nonsending) public func send(_ message: some Collection<UInt8>) async throws {
        let rest = message.withSpan { offer($0) }
        if rest != .nothing { try await finishSending(rest, Array(message)) }
    }

    /// What is left to do for a message.
    @usableFromInline
    enum Rest: UInt8, Sendable {
        case nothing
        /// It is to be sent on the loop.
        case all
        case waitForTurn, waitForRoom
        case throwEnd, throwRefusal
    }

    /// Sends a message, if the caller is on the loop.
    @usableFromInline
    func offer(_ message: Span<UInt8>) -> Rest {
        guard loop.isOnLoop else { return .all }
        switch base.sendHere(message) {
        case .taken, .posted: return loop.endsTurn(message.count) ? .waitForTurn : .nothing
        case .takenButFull: return .waitForRoom
        case .refused: return .throwRefusal
        case .closed, .overloaded: return .throwEnd
        }
    }

    @usableFromInline
    nonisolated(nonsending) func finishSending(_ rest: Rest, _ message: [UInt8]) async throws {
        if rest != .all, !loop.isHome(of: #isolation) {
            return try await LoopScope(loop).run { try await self.finishSending(rest, message) }
        }
        switch rest {
        case .nothing: return
        case .all:
            try Task.checkCancellation()
            return try await LoopScope(loop).run { try await self.send(message) }
        case .waitForTurn: await waitForTurn()
        case .waitForRoom:
            guard await wait(for: .room) else { throw CancellationError() }
        case .throwRefusal:
            // It was not taken, so it is refused again.
            if case .refused(let error) = base.send(message.span) { throw error }
        case .throwEnd: throw base.state.endOfSending
        }
        if !base.isOpen { throw base.state.endOfSending }
    }

    nonisolated(nonsending) private func waitForTurn() async {
        let slot = TaskSlot()
        loop.wakeInNextTurn(slot)
        await slot.wait(on: loop)
    }

    // MARK: - Without waiting

    /// Sends a message without waiting. Any thread may call it.
    ///
    /// On the connection's loop it works as ``UVConnection/send(_:)-(Span<UInt8>)`` does. On another
    /// thread the message goes to the loop, which sends it in one of its next turns. Messages of one
    /// thread are sent in their order.
    ///
    /// At most the loop's `submissionLimit` of such messages wait for the loop. The connection's
    /// own limits hold after that: a peer that does not read is ended at the `sendLimit`.
    ///
    /// - Parameter message: The message.
    /// - Returns: On the loop, what became of it. On another thread ``UVSendResult/posted``, or
    ///   ``UVSendResult/overloaded`` or ``UVSendResult/closed`` if the loop does not take it.
    @discardableResult
    public func post(_ message: [UInt8]) -> UVSendResult {
        if loop.isOnLoop { return base.sendHere(message.span) }
        let isPosted = loop.submit { [self] in base.send(message.span) }
        return isPosted ? .posted : loop.isClosed ? .closed : .overloaded
    }

    /// Sends a text as UTF-8, as ``post(_:)-([UInt8])`` does.
    ///
    /// - Parameter text: The text, or a part of one. Only the framing adds bytes to it.
    /// - Returns: As ``post(_:)-([UInt8])`` does.
    @discardableResult
    public func post(_ text: some StringProtocol) -> UVSendResult {
        post(Array(text.utf8))
    }

    /// Sends bytes, as ``post(_:)-([UInt8])`` does.
    ///
    /// - Parameter message: The message.
    /// - Returns: As ``post(_:)-([UInt8])`` does.
    @discardableResult
    public func post(_ message: some Collection<UInt8>) -> UVSendResult {
        post(Array(message))
    }

    /// Sends a message without waiting, as ``post(_:)-([UInt8])`` does.
    ///
    /// It is for closures and methods that cannot wait, such as the closure of
    /// ``forEachMessage(_:)``.
    ///
    /// - Parameter message: The message. It is not needed after the call.
    /// - Returns: As ``post(_:)-([UInt8])`` does.
    @discardableResult
    public func send(_ message: Span<UInt8>) -> UVSendResult {
        if loop.isOnLoop { return base.sendHere(message) }
        return post([UInt8](message: message))
    }

    /// Sends a message without waiting, as ``post(_:)-([UInt8])`` does.
    ///
    /// It is for closures and methods that cannot wait.
    ///
    /// - Parameter message: The message.
    /// - Returns: As ``post(_:)-([UInt8])`` does.
    @discardableResult
    public func send(_ message: [UInt8]) -> UVSendResult {
        post(message)
    }

    /// Sends a text without waiting, as ``post(_:)-([UInt8])`` does.
    ///
    /// It is for closures and methods that cannot wait.
    ///
    /// - Parameter text: The text, or a part of one. Only the framing adds bytes to it.
    /// - Returns: As ``post(_:)-([UInt8])`` does.
    @discardableResult
    public func send(_ text: some StringProtocol) -> UVSendResult {
        if loop.isOnLoop { return base.send(text) }
        return post(Array(text.utf8))
    }

    /// Sends bytes without waiting, as ``post(_:)-([UInt8])`` does.
    ///
    /// It is for closures and methods that cannot wait.
    ///
    /// - Parameter message: The message.
    /// - Returns: As ``post(_:)-([UInt8])`` does.
    @discardableResult
    public func send(_ message: some Collection<UInt8>) -> UVSendResult {
        if loop.isOnLoop { return base.send(message) }
        return post(Array(message))
    }
}
