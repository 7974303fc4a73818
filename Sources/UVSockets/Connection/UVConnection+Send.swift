extension UVConnection {
    /// Sends a message. Messages sent to one connection arrive in the order they were sent.
    ///
    /// It is framed as the connection's ``framing`` says; without one its bytes are sent as they
    /// are. What is sent within one callback of the loop leaves together when the callback ends, or
    /// sooner where it is much. What the kernel does not take is queued.
    ///
    /// - Parameter message: The message; it is not needed after the call.
    /// - Returns: Whether it was taken, and whether to send more.
    @discardableResult
    public func send(_ message: Span<UInt8>) -> UVSendResult {
        guard canSend("UVConnection.send") else { return .closed }
        if extras == nil {
            if let result = events.send(message, on: self) { return result }
            if corks(message) { return sendResult }
        }
        return sendOtherwise(message)
    }

    /// Sends a message by a framing of its own, through a layer, or without a framing beyond the cork. A function of its own,
    /// which leaves the common one few registers to save.
    @inline(never)
    private func sendOtherwise(_ message: Span<UInt8>) -> UVSendResult {
        if let extras {
            if extras.isOnWire { return sendOnWire(message, extras) }
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
    /// - Parameter text: The text, or a part of one. Nothing is added to it but what the ``framing`` adds.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ text: some StringProtocol) -> UVSendResult {
        text.utf8.withSpan { send($0) }
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer, as
    /// ``send(_:)-(Span<UInt8>)`` does. They are copied first only where they do not lie together.
    ///
    /// - Parameter message: The message; it is not needed after the call.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ message: some Collection<UInt8>) -> UVSendResult {
        message.withSpan { send($0) }
    }

    @inline(__always)
    var sendResult: UVSendResult {
        guard state.acceptsBytes else { return .closed }
        return watermark.isAbove ? .takenButFull : .taken
    }

    @inline(__always)
    func canSend(_ call: StaticString) -> Bool {
        loop.confine(call)
        guard state.acceptsBytes else { return false }
        guard queuedBytes <= events.options.sendLimit else {
            perform(state.reset(.slowReceiver))
            return false
        }
        return true
    }
}
