extension UVConnection {
    /// Sends a message. Messages sent to one connection arrive in the order they were sent.
    ///
    /// The message is framed by the connection's ``framing``. Without a framing its bytes are sent
    /// as they are. Everything sent within one callback of the loop leaves together when the
    /// callback ends, or sooner if it is much. What the kernel does not take is queued.
    ///
    /// - Parameter message: The message. It is not needed after the call.
    /// - Returns: Whether it was taken, and whether to send more.
    @discardableResult
    public func send(_ message: Span<UInt8>) -> UVSendResult {
        loop.confine("UVConnection.send")
        return sendHere(message)
    }

    /// The same, for a caller that has checked that it is on the loop.
    @inline(__always)
    func sendHere(_ message: Span<UInt8>) -> UVSendResult {
        guard canSend() else { return .closed }
        if extras == nil {
            if let result = events.send(message, on: self) { return result }
            if corks(message) { return sendResult }
        }
        return sendOtherwise(message)
    }

    /// Sends a message with a framing of the connection's own, through a layer, or without a
    /// framing when the cork has no room. It is a separate function so that the common one saves
    /// fewer registers.
    @inline(never)
    private func sendOtherwise(_ message: Span<UInt8>) -> UVSendResult {
        if let extras {
            if extras.layer != nil { return sendOnWire(message, extras) }
            // The taps do not see what is corked.
            if extras.isTapped, loop.cork.isUsed(by: self) {
                flushCork()
                loop.cork.end()
            }
            if let coder = extras.coder { return coder.send(message, on: self) }
        }
        if !corks(message) { sendBeyondCork(message) }
        return sendResult
    }

    /// Sends a message, as ``send(_:)-(Span<UInt8>)`` does.
    ///
    /// - Parameter message: The message.
    /// - Returns: Whether it was taken, and whether to send more.
    @discardableResult
    public func send(_ message: [UInt8]) -> UVSendResult {
        send(message.span)
    }

    /// Sends a text as UTF-8, as ``send(_:)-(Span<UInt8>)`` does.
    ///
    /// - Parameter text: The text, or a part of one. Only the ``framing`` adds bytes to it.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ text: some StringProtocol) -> UVSendResult {
        text.utf8.withSpan { send($0) }
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer.
    ///
    /// It works as ``send(_:)-(Span<UInt8>)`` does. The bytes are copied first only if they are not
    /// contiguous in memory.
    ///
    /// - Parameter message: The message. It is not needed after the call.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ message: some Collection<UInt8>) -> UVSendResult {
        message.withSpan { send($0) }
    }

    @inline(__always)
    var sendResult: UVSendResult {
        guard state.acceptsBytes else { return .closed }
        guard watermark.isAbove else { return .taken }
        events.guards.fullAnswers += 1
        return .takenButFull
    }

    @inline(__always)
    func canSend() -> Bool {
        guard state.acceptsBytes else { return false }
        guard queuedBytes <= sizes.sendLimit else {
            perform(state.reset(.slowReceiver))
            return false
        }
        return true
    }
}
