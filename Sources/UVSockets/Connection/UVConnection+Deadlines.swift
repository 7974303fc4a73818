extension UVConnection: DeadlineOwner {
    /// The interval, in milliseconds, at which a connection that is not read is checked. libuv does
    /// not notice a reset while nothing is read.
    private static let probeInterval: UInt64 = 1000

    /// A relayed connection has no stall deadline, see ``UVAsyncConnection/relay(with:)``.
    private var limits: DeadlineLimits {
        isWriting && !isStallExempt ? settings.limits : settings.quietLimits
    }

    /// Whether the connection may be gone without a read that shows it.
    private var isProbed: Bool {
        !holds.isDisjoint(with: .lasting) || state.isHalfOpen || state.isBroken
    }

    /// Makes sure that ``deadlinePassed()`` is called when something could be due.
    ///
    /// It is called when a fact makes an earlier deadline possible, never for a message. A fact
    /// that only makes a deadline later is noticed when the old deadline has passed.
    func watch() {
        guard state.reason == nil, !state.isClosed else { return }
        // The common case: nothing can be due, and nothing is scheduled.
        let isProbed = isProbed
        if !settings.hasQuietLimits, !isProbed, !isWriting, deadlineSlot == nil { return }
        let now = loop.now
        var at = deadlines.next(now: now, limits)
        if isProbed { at = min(at ?? .max, now + Self.probeInterval) }
        if let due = messageDue { at = min(at ?? .max, due) }
        if let rates, holds.contains(.rate) { at = min(at ?? .max, rates.heldUntil) }
        if let at {
            // Something that is due already waits for the wheel's next tick.
            loop.schedule(self, after: .milliseconds(max(at, now) - now))
        } else {
            loop.unschedule(self)
        }
    }

    func deadlinePassed() {
        guard state.reason == nil else { return endDeadlinePassed() }
        if isProbed {
            probe()
            if state.isClosed { return }
        }
        releaseRate()
        noteProgress()
        if let due = messageDue, due <= loop.now { return close(.messageTooSlow) }
        switch deadlines.due(now: loop.now, limits) {
        case .lifetime: close(.lifetimeOver)
        case .firstFrame: close(.noFirstMessage)
        case .idle: close(.idle)
        case .stalled: reset(.stalled)
        case .slowReceiver: reset(.slowReceiver)
        case nil: watch()
        }
    }

    private func probe() {
        if !state.isBroken, let error = handle.takeError() {
            sendingBroke("receive", error)
        }
        endIfAbandoned()
        endIfNothingIsLeft()
    }

    /// A write is now in flight.
    func writingBegan() {
        deadlines.queueFilled(at: loop.now)
        unwritten = UInt32(clamping: handle.bytesUnwritten)
        watch()
    }

    /// Notes progress within a large write, which can take longer than the stall timeout.
    private func noteProgress() {
        guard isWriting else { return }
        let left = UInt32(clamping: handle.bytesUnwritten)
        if left != unwritten { deadlines.sent(at: loop.now) }
        unwritten = left
    }

    /// Notes whether the queue is above or below the soft limit.
    func updateSoftLimit() {
        guard settings.limits.softLimit != nil else { return }
        if queuedBytes > sizes.softSendLimit {
            deadlines.roseAboveSoftLimit(at: loop.now)
        } else {
            deadlines.fellBelowSoftLimit()
        }
    }
}
