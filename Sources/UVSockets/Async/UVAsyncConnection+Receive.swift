/// The events that the receive cycle, the listener and a relay report to a task's base.
extension UVAsyncConnection: MessageSink {
    var stance: SinkStance {
        if let relay { return .relays(to: relay.other(than: self).base) }
        if isTaken || isLending { return .asks }
        if waiters.contains(where: { $0.event == .room }) { return .awaitsRoom }
        return waiters.contains { $0.event == .end } ? .awaitsEnd : .isElsewhere
    }

    /// Gives the received bytes to the consumer: the relay's other connection, a closure, or the
    /// task.
    func received(_ bytes: Span<UInt8>) {
        guard let borrower else { return base.give(bytes, to: self) }
        guard let target = relay?.other(than: self).base else {
            return lent(base.lend(bytes, to: borrower))
        }
        // The other connection gathers what it is given, and sends it together.
        loop.cork.begin(for: target)
        lent(base.lend(bytes, to: borrower))
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
                base.hold(.task)
                lent(error)
            }
        } else {
            wakeNow(on: loop)
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
        wakeWaiters()
        relay?.drained(self)
    }

    func sendingEnded() {
        wakeWaiters()
    }

    func keepLast(_ message: [UInt8]) {
        pending = message
    }

    func receivingEnded() {
        wakeReceiver()
        if !base.isOpen { queueDrained() }
    }

    /// What is sent still leaves. A relay goes on, because ending it would cut off what it passes
    /// on.
    func agentStops() {
        if let relay {
            // Its task may have been cancelled.
            return relay.slot.wake(on: loop)
        }
        base.hold([.task, .finished])
        wakeReceiver()
    }

    /// The socket is closed. If that was not the handler's own doing, its task is cancelled.
    func connectionEnded() {
        wakeWaiters(atEnd: true)
        peerHasGone()
    }

    func peerHasGone() {
        let isClient = base.agent is UVListener
        if isClient, base.options.cancelsHandlerAtEnd, !base.state.endIsWanted { owner?.cancel() }
    }

    /// The handler has returned.
    func end(_ why: UVEndReason) {
        // A transfer that a relay has cut off must not look complete.
        let isCutOff = cutOffAt < .max && cutOffAt == progress
        if isFinished, !isCutOff { base.sendGoodbye() }
        // The connection ends because its peer has finished.
        let isAnswer = why == .closed && base.state.hasPeerFinished
        base.close(
            isFinished ? .listenerStopped : isCutOff ? .reset : isAnswer ? .peerClosed : why,
            byReset: isCutOff)
    }

    /// A number that grows with everything received and sent.
    var progress: UInt64 {
        base.messagesReceived + base.bytesSent + UInt64(base.bytesQueued)
    }

    /// Whether no more messages come, although the connection has not ended.
    var isFinished: Bool { base.holds.contains(.finished) }

    private func wakeReceiver() {
        borrower = nil
        wake(on: loop)
        relay?.sourceEnded()
    }

    /// Whether no more messages come.
    var isAtEnd: Bool { isFinished || !base.state.delivers }

    /// Why what a relay has passed on is not complete. Nil while it still may be, and when the peer
    /// has finished.
    var cutOff: UVEndReason? {
        if let reason = base.state.reason { return reason == .peerClosed ? nil : reason }
        return isFinished ? .listenerStopped : nil
    }

    /// Why the connection ended, if it did not end normally.
    var unexpectedEnd: UVEndReason? {
        switch base.state.reason {
        case nil, .peerClosed, .closed, .reset, .listenerStopped: nil
        case let reason?: reason
        }
    }
}
