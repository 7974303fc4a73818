extension UVConnection {
    /// Stops receiving until ``resumeReceiving()``.
    ///
    /// The peer is held back once its kernel's buffers and ours are full. Bytes that the handler
    /// already has are not affected.
    ///
    /// While receiving is paused, a peer that resets the connection is noticed within a second or
    /// two. The connection then ends, and bytes that the peer had sent before are lost if they were
    /// not delivered. If the peer had finished sending before, the connection stays, and its bytes
    /// wait to be delivered.
    ///
    /// - Parameters:
    ///   - file: The file of the call, for ``why``.
    ///   - line: The line of the call.
    public func pauseReceiving(file: StaticString = #fileID, line: UInt = #line) {
        loop.confine("UVConnection.pauseReceiving")
        guard state.delivers else { return }
        hold(.paused, at: Origin(file, line))
    }

    /// Receives again after ``pauseReceiving(file:line:)``.
    public func resumeReceiving() {
        loop.confine("UVConnection.resumeReceiving")
        release(.paused)
    }

    /// Stops receiving until this hold and every other hold is released.
    ///
    /// - Parameters:
    ///   - hold: Why.
    ///   - origin: Where the user has asked for it.
    func hold(_ hold: ReceiveHolds, at origin: Origin? = nil) {
        guard holds.insert(hold).inserted else { return }
        loop.record(.held, self, UInt64(hold.rawValue), origin?.word ?? 0)
        tell(.held(hold))
        updateReceiving()
        watch()
    }

    func release(_ hold: ReceiveHolds) {
        guard holds.remove(hold) != nil else { return }
        holds.remove(.abandoned)
        loop.record(.released, self, UInt64(hold.rawValue), UInt64(holds.rawValue))
        tell(.released(hold))
        watch()
        updateReceiving()
    }

    /// Continues with what had to wait for another turn.
    func continueReceiving() {
        release(.turn)
        deliverBacklog()
        endIfNothingIsLeft()
    }

    // MARK: - Limits of what it receives

    /// Notes that the loop's buffer was full: there is probably more to receive.
    func filledBuffer() {
        guard loop.hasUsedTurn(self, limit: options.receiveBudget) else { return }
        events.guards.turnsUsedUp += 1
        hold(.turn)
        loop.continueInNextTurn(self)
    }

    func countReceived(bytes: Int) {
        guard let rates, rates.received(bytes: bytes, now: loop.now) else { return }
        holdForRate()
    }

    func countMessage() {
        guard let rates, rates.receivedMessage(now: loop.now) else { return }
        holdForRate()
    }

    private func holdForRate() {
        guard state.delivers, !holds.contains(.rate) else { return }
        events.guards.rateHolds += 1
        hold(.rate)
    }

    /// Ends the hold for the rate, if the rate allows more now.
    func releaseRate() {
        guard let rates, holds.contains(.rate), rates.heldUntil <= loop.now else { return }
        rates.released()
        release(.rate)
    }

    // MARK: - The time that handlers take

    /// Notes the end of a receive callback that began at this time, in nanoseconds.
    func handlerEnded(since began: UInt64) {
        // The handler may have switched the measurement on or off, and with it the clock.
        let now = loop.handlerTime
        let time = now - min(began, now)
        loop.measures?.handlerTook(time)
        if events.handlerTimeLimit > 0 {
            events.handlerTook(time / 1_000_000, for: self, on: loop)
        }
    }
}
