extension UVConnection: DeadlineOwner {
    /// How often, in milliseconds, a connection that is not read is asked whether it still exists,
    /// because libuv does not notice a reset while nothing is read.
    private static let probeInterval: UInt64 = 1000

    /// A relayed connection has no stall deadline, see ``UVAsyncConnection/relay(with:)``.
    private var limits: DeadlineLimits {
        isWriting && !isStallExempt ? events.limits : events.quietLimits
    }

    /// Whether the connection may be gone without a read that tells so.
    private var isProbed: Bool {
        !holds.isDisjoint(with: .lasting) || state.isHalfOpen || state.isBroken
    }

    /// Sees to it that ``deadlinePassed()`` is called when something could be due.
    ///
    /// Called when a fact makes an earlier deadline possible, never for a message: what only puts a
    /// deadline off is noticed when that has passed.
    func watch() {
        guard state.reason == nil, !state.isClosed else { return }
        // The common case: nothing can be due, and nothing is scheduled.
        let isProbed = isProbed
        if !events.hasQuietLimits, !isProbed, !isWriting, deadlineSlot == nil { return }
        let now = loop.now
        var at = deadlines.next(now: now, limits)
        if isProbed { at = min(at ?? .max, now + Self.probeInterval) }
        if let rates, holds.contains(.rate) { at = min(at ?? .max, rates.heldUntil) }
        if let at {
            // What is due already waits for the wheel's next tick.
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

    /// A write is in flight from now on.
    func writingBegan() {
        deadlines.queueFilled(at: loop.now)
        unwritten = UInt32(clamping: handle.bytesUnwritten)
        watch()
    }

    /// A large write can make progress for longer than the stall timeout before it ends.
    private func noteProgress() {
        guard isWriting else { return }
        let left = UInt32(clamping: handle.bytesUnwritten)
        if left != unwritten { deadlines.sent(at: loop.now) }
        unwritten = left
    }

    /// Notes on which side of the soft limit the queue is.
    func updateSoftLimit() {
        guard events.limits.softLimit != nil else { return }
        if queuedBytes > events.options.softSendLimit {
            deadlines.roseAboveSoftLimit(at: loop.now)
        } else {
            deadlines.fellBelowSoftLimit()
        }
    }
}
