/// What the receive cycle, the listener and a relay tell a task's connection.
extension UVAsyncConnection {
    /// A message came for the closure that messages are lent to; it is valid during the call.
    @inline(__always)
    func received(_ message: Span<UInt8>) {
        if let borrower { return lend(message, to: borrower) }
        // The closure was taken back while this was delivered.
        pending = connection.loop.copyMessage(message)
        connection.hold(.task)
    }

    /// The pending message was cut just now, for the task that waits or for its closure.
    func messageIsPending() {
        if let borrower {
            // It lends since the one before.
            if let message = pending.take() { lend(message.span, to: borrower) }
        } else {
            wakeNow(on: connection.loop)
        }
    }

    /// Whether messages are lent to a closure.
    var isLending: Bool { borrower != nil }

    /// Lends the messages to a closure until no more come, or it throws; those that were kept first.
    func lendMessages(to body: @escaping (Span<UInt8>) throws -> Void) {
        do {
            while let message = takeKept() { try body(message.span) }
            if !isAtEnd { borrower = body }
        } catch {
            failure = error
        }
    }

    /// Lends no more messages.
    ///
    /// - Returns: What the closure has thrown.
    func takeBack() -> (any Error)? {
        borrower = nil
        return failure.take()
    }

    /// Lends a message; where the closure throws, the connection is held.
    @inline(__always)
    func lend(_ message: Span<UInt8>, to body: (Span<UInt8>) throws -> Void) {
        do {
            try body(message)
        } catch {
            failure = error
            connection.hold(.task)
            wakeReceiver()
        }
    }

    /// There is room to send more, or never will be.
    func drained() {
        wakeSenders()
        relay?.drained(self)
    }

    /// Nothing can be sent any more: nobody need wait for room.
    func sendingEnded() {
        wakeSenders()
    }

    private func wakeSenders() {
        guard !senders.isEmpty else { return }
        let waiting = senders
        senders = []
        for sender in waiting { sender.wake(on: connection.loop) }
    }

    /// No more messages come: nobody need wait for one.
    func receivingEnded() {
        wakeReceiver()
        if !connection.isOpen { drained() }
    }

    /// The listener stops: no more messages come, and what is sent still leaves. A relay goes on: to
    /// end it would cut off what it passes on.
    func finish() {
        guard relay == nil else { return }
        connection.hold([.task, .finished])
        wakeReceiver()
    }

    /// The handler has returned.
    func end(_ why: UVEndReason) {
        // What a relay has not passed on whole is not to look so.
        let isCutOff = cutOffAt < .max && cutOffAt == progress
        if isFinished, !isCutOff { sendGoodbye() }
        // It has ended because its peer has.
        let isAnswer = why == .closed && connection.state.hasPeerFinished
        connection.close(
            isFinished ? .listenerStopped : isCutOff ? .reset : isAnswer ? .peerClosed : why,
            byReset: isCutOff)
    }

    /// A number that grows with what is received, and with what is sent.
    var progress: UInt64 {
        connection.messagesReceived + connection.bytesSent + UInt64(connection.bytesQueued)
    }

    private func sendGoodbye() {
        guard let goodbye = connection.listener?.drain?.goodbye, !goodbye.isEmpty,
            connection.queuedBytes <= connection.options.sendLimit
        else { return }
        connection.send(goodbye.span)
    }

    /// Whether no more messages are to come, although the connection has not ended.
    var isFinished: Bool { connection.holds.contains(.finished) }

    private func wakeReceiver() {
        borrower = nil
        wake(on: connection.loop)
        relay?.sourceEnded()
    }

    /// Whether no more messages come.
    var isAtEnd: Bool { isFinished || !connection.state.delivers }

    /// Why what a relay has passed on is not the whole; nil while it may be, and where the peer has
    /// finished.
    var cutOff: UVEndReason? {
        if let reason = connection.state.reason { return reason == .peerClosed ? nil : reason }
        return isFinished ? .listenerStopped : nil
    }

    /// Why the connection ended, where it was not as it should be.
    var unexpectedEnd: UVEndReason? {
        switch connection.state.reason {
        case nil, .peerClosed, .closed, .reset, .listenerStopped: nil
        case let reason?: reason
        }
    }
}
