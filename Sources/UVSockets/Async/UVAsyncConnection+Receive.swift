/// The events that the receive cycle, the listener and a relay report to a task's connection.
extension UVAsyncConnection: MessageSink {
    /// Gives the received bytes to the consumer: the relay's other connection, a closure, or the
    /// task.
    func received(_ bytes: Span<UInt8>) {
        guard let borrower else { return connection.give(bytes, to: self) }
        guard let target = relay?.other(than: self).connection else {
            return lent(connection.lend(bytes, to: borrower))
        }
        // The other connection gathers what it is given, and sends it together.
        connection.loop.cork.begin(for: target)
        lent(connection.lend(bytes, to: borrower))
        target.flushCork()
        if target.state.isFinishing { target.settle() }
    }

    /// The pending message is ready for the waiting task or for its closure.
    func messageIsPending() {
        if let borrower {
            // A closure has borrowed the messages since the message before this one.
            guard let message = pending.take() else { return }
            do {
                try borrower(message.span)
            } catch {
                connection.hold(.task)
                lent(error)
            }
        } else {
            wakeNow(on: connection.loop)
        }
    }

    /// A closure has run. If it has thrown, the task gets the error.
    private func lent(_ error: (any Error)?) {
        guard let error else { return }
        failure = error
        wakeReceiver()
    }

    /// Whether a closure borrows the messages.
    var isLending: Bool { borrower != nil }

    /// Lends the messages to a closure until no more come or the closure throws. Messages that were
    /// kept come first.
    func lendMessages(to body: @escaping (Span<UInt8>) throws -> Void) {
        do {
            while let message = takeKept() { try body(message.span) }
            if !isAtEnd { borrower = body }
        } catch {
            failure = error
        }
    }

    /// Ends the lending.
    ///
    /// - Returns: The error that the closure has thrown, if any.
    func takeBack() -> (any Error)? {
        borrower = nil
        return failure.take()
    }

    func queueFilled() -> Bool {
        guard let relay else { return false }
        relay.filled(self)
        return true
    }

    var isPassing: Bool { relay != nil }

    func queueDrained() {
        wakeSenders()
        relay?.drained(self)
    }

    func sendingEnded() {
        wakeSenders()
    }

    private func wakeSenders() {
        guard !senders.isEmpty else { return }
        let waiting = senders
        senders = []
        for sender in waiting { sender.wake(on: connection.loop) }
    }

    func receivingEnded() {
        wakeReceiver()
        if !connection.isOpen { queueDrained() }
    }

    /// What is sent still leaves. A relay goes on, because ending it would cut off what it passes
    /// on.
    func agentStops() {
        guard relay == nil else { return }
        connection.hold([.task, .finished])
        wakeReceiver()
    }

    /// The handler has returned.
    func end(_ why: UVEndReason) {
        // A transfer that a relay has cut off must not look complete.
        let isCutOff = cutOffAt < .max && cutOffAt == progress
        if isFinished, !isCutOff { sendGoodbye() }
        // The connection ends because its peer has finished.
        let isAnswer = why == .closed && connection.state.hasPeerFinished
        connection.close(
            isFinished ? .listenerStopped : isCutOff ? .reset : isAnswer ? .peerClosed : why,
            byReset: isCutOff)
    }

    /// A number that grows with everything received and sent.
    var progress: UInt64 {
        connection.messagesReceived + connection.bytesSent + UInt64(connection.bytesQueued)
    }

    private func sendGoodbye() {
        guard let goodbye = connection.listener?.drain?.goodbye, !goodbye.isEmpty,
            connection.queuedBytes <= connection.options.sendLimit
        else { return }
        connection.send(goodbye.span)
    }

    /// Whether no more messages come, although the connection has not ended.
    var isFinished: Bool { connection.holds.contains(.finished) }

    private func wakeReceiver() {
        borrower = nil
        wake(on: connection.loop)
        relay?.sourceEnded()
    }

    /// Whether no more messages come.
    var isAtEnd: Bool { isFinished || !connection.state.delivers }

    /// Why what a relay has passed on is not complete. Nil while it still may be, and when the peer
    /// has finished.
    var cutOff: UVEndReason? {
        if let reason = connection.state.reason { return reason == .peerClosed ? nil : reason }
        return isFinished ? .listenerStopped : nil
    }

    /// Why the connection ended, if it did not end normally.
    var unexpectedEnd: UVEndReason? {
        switch connection.state.reason {
        case nil, .peerClosed, .closed, .reset, .listenerStopped: nil
        case let reason?: reason
        }
    }
}
