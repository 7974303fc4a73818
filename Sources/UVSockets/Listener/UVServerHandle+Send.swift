extension UVServerHandle {
    /// Sends a message to one client on any loop, and waits while the client takes bytes more slowly
    /// than they are sent.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - id: The client's id.
    /// - Returns: What became of it: ``UVSendResult/taken``, ``UVSendResult/refused(_:)``, or
    ///   ``UVSendResult/closed`` if there is no such client, or if it ends while this waits.
    /// - Throws: `CancellationError` if the task is cancelled while it waits. Then the message was
    ///   taken, and still leaves.
    @discardableResult
    nonisolated(nonsending) public func send(
        _ message: [UInt8], to id: UVConnection.ID
    ) async throws -> UVSendResult {
        try Task.checkCancellation()
        guard let part = part(of: id) else { return .closed }
        let answers: [UVSendResult] = await askCancellably([part]) {
            listener, cancellation, reply in
            guard let client = listener.client(id) else { return reply(.closed) }
            let result = client.send(message.span)
            guard case .takenButFull = result else { return reply(result) }
            listener.wait {
                cancellation.isSet || !client.isSlow
            } _: {
                reply(client.isSlow ? .takenButFull : client.isOpen ? .taken : .closed)
            }
        }
        let result = answers.first ?? .closed
        if case .takenButFull = result { throw CancellationError() }
        return result
    }

    /// Sends a text as UTF-8 to one client, as ``send(_:to:)-([UInt8],_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one. Only the framing adds bytes to it.
    ///   - id: The client's id.
    /// - Returns: What became of it.
    /// - Throws: As ``send(_:to:)-([UInt8],_)`` does.
    @discardableResult
    nonisolated(nonsending) public func send(
        _ text: some StringProtocol, to id: UVConnection.ID
    ) async throws -> UVSendResult {
        try await send(Array(text.utf8), to: id)
    }

    /// Sends a message to one client on any loop without waiting.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - id: The client's id.
    /// - Returns: On the client's loop, what became of it. On another thread
    ///   ``UVSendResult/posted``, or ``UVSendResult/overloaded`` or ``UVSendResult/closed`` if the
    ///   client's loop does not take it.
    @discardableResult
    public func post(_ message: [UInt8], to id: UVConnection.ID) -> UVSendResult {
        guard let part = part(of: id) else { return .closed }
        if part.loop.isOnLoop {
            var result = UVSendResult.closed
            part.withListener { result = $0.client(id)?.send(message.span) ?? .closed }
            return result
        }
        let isPosted = part.post(isLimited: true) { $0.client(id)?.send(message.span) }
        return isPosted ? .posted : part.loop.isClosed ? .closed : .overloaded
    }

    /// Sends a text as UTF-8 to one client, as ``post(_:to:)-([UInt8],_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one. Only the framing adds bytes to it.
    ///   - id: The client's id.
    /// - Returns: As ``post(_:to:)-([UInt8],_)`` does.
    @discardableResult
    public func post(_ text: some StringProtocol, to id: UVConnection.ID) -> UVSendResult {
        post(Array(text.utf8), to: id)
    }
}
