/// What the receive cycle, the listener and a relay tell a task's connection.
extension UVAsyncConnection: MessageSink {
    /// Gives what came to whoever has the messages: the relay's other connection, a closure, the task.
    func received(_ bytes: Span<UInt8>) {
        guard let borrower else { return connection.give(bytes, to: self) }
        guard let target = relay?.other(than: self).connection else {
            return lent(connection.lend(bytes, to: borrower))
        }
        // What is received leaves by the other connection, which gathers it meanwhile.
        connection.loop.cork.begin(for: target)
        lent(connection.lend(bytes, to: borrower))
        target.flushCork()
        if target.state.isFinishing { target.settle() }
    }

    /// The pending message was cut just now, for the task that waits or for its closure.
    func messageIsPending() {
        if let borrower {
            // It lends since the one before.
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

    /// The closure has thrown, where there is an error: the task hears of it.
    private func lent(_ error: (any Error)?) {
        guard let error else { return }
        failure = error
        wakeReceiver()
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

    /// What is sent still leaves. A relay goes on: to end it would cut off what it passes on.
    func agentStops() {
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
