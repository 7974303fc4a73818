extension UVConnection {
    /// Receives nothing more until ``resumeReceiving()``, so that the peer is held back once its
    /// and our kernel's buffers are full. Bytes that the handler has are not affected.
    ///
    /// While it is paused, a peer that resets the connection is noticed within a second or two, and the
    /// connection ends then. What the peer had sent before, and was not delivered, is lost. Where the
    /// peer had finished before, the connection stays, and what it sent waits to be delivered.
    public func pauseReceiving() {
        loop.confine("UVConnection.pauseReceiving")
        guard state.delivers else { return }
        hold(.paused)
    }

    /// Receives again after ``pauseReceiving()``.
    public func resumeReceiving() {
        loop.confine("UVConnection.resumeReceiving")
        release(.paused)
    }

    /// Receives nothing more until this is released, and so is every other hold.
    func hold(_ hold: ReceiveHolds) {
        guard holds.insert(hold).inserted else { return }
        updateReceiving()
        watch()
    }

    func release(_ hold: ReceiveHolds) {
        guard holds.remove(hold) != nil else { return }
        holds.remove(.abandoned)
        watch()
        updateReceiving()
    }

    /// Goes on with what had to wait for another turn.
    func continueReceiving() {
        release(.turn)
        deliverBacklog()
        endIfNothingIsLeft()
    }

    // MARK: - Limits of what it receives

    /// The loop's buffer was full: there is probably more.
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

    /// Ends the hold for the rate once that allows more.
    func releaseRate() {
        guard let rates, holds.contains(.rate), rates.heldUntil <= loop.now else { return }
        rates.released()
        release(.rate)
    }

    // MARK: - The time that handlers take

    /// A receive callback has ended that began at this time.
    func handlerEnded(since began: UInt64) {
        events.handlerTook(loop.coarseTime - began, for: self, on: loop)
    }
}
