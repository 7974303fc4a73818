extension UVConnection {
    /// Why the connection waits, in one or two sentences with their numbers.
    ///
    /// It looks at the connection's own state and at what the kernel knows of it (TCP_INFO,
    /// SIOCOUTQ, SIOCINQ), with a few system calls. The causes, the first that fits:
    ///
    /// - we hold it back: paused, above its rate, its relay, its tasks;
    /// - the network loses what it is sent, or its host is gone;
    /// - its program does not read;
    /// - our send buffer is small for the path, or the path is slow;
    /// - its task awaits something else;
    /// - it sent a part of a message;
    /// - nothing waits.
    ///
    /// One look cannot tell a slow path from some others. ``UVServerHandle/why(of:)`` looks twice.
    public var why: UVWhy {
        loop.confine("UVConnection.why")
        return why(since: nil)
    }

    /// Decides with two looks at the kernel.
    ///
    /// - Parameters:
    ///   - earlier: The first look, ``kernelSample``.
    ///   - isBrief: Whether the time of a hold is left out. To find it takes some ten microseconds.
    /// - Returns: Why the connection waits.
    func why(since earlier: WhyFacts.Sample?, isBrief: Bool = false) -> UVWhy {
        var facts = facts(isBrief: isBrief)
        facts.earlier = earlier
        return facts.why
    }

    /// What the kernel knows now.
    var kernelSample: WhyFacts.Sample {
        WhyFacts.Sample(
            tcp: handle.tcpState, inKernel: Int(bytesUnacknowledged), time: loop.preciseNow)
    }

    /// Why nothing is received from it, in words. Empty if something is.
    package var holdsInWords: String { holds.subtracting(.abandoned).description }

    private func facts(isBrief: Bool) -> WhyFacts {
        let (now, limits) = (loop.now, settings.limits)
        var facts = WhyFacts()
        facts.ending = state.reason ?? (state.isClosed ? .closed : nil)
        facts.isClosed = state.isClosed
        guard !state.isClosed else { return facts }
        facts.isLingering = state.isLingering
        facts.isOpening = state.isOpening
        facts.age = now - min(now, deadlines.openedAt)
        facts.quiet = deadlines.quiet(at: now)
        facts.queued = bytesQueued
        facts.stuck = deadlines.stuck(at: now)
        facts.unread = handle.bytesUnread
        facts.kernel = kernelSample
        facts.stance = sink?.stance
        facts.tasks = extras?.tasks?.running.count ?? 0
        facts.taskLimit = options.taskLimit
        facts.firstMessageWait = deadlines.wait(for: .firstFrame, now: now, limits)
        facts.idleWait = deadlines.wait(for: .idle, now: now, limits)
        if !isStallExempt {
            facts.stallWait = [.stalled, .slowReceiver].compactMap {
                deadlines.wait(for: $0, now: now, limits)
            }.min()
        }
        facts.patience = options.keepAlive?.patience
        addPart(to: &facts)
        if !isBrief || !holds.contains(.relay) { addHolds(to: &facts, isBrief: isBrief) }
        return facts
    }

    private func addPart(to facts: inout WhyFacts) {
        guard let extras, let codec = extras.coder?.codec, extras.assembler.isMidFrame else {
            return
        }
        facts.part = (extras.assembler.count, extras.assembler.lengthNeeded(codec))
        facts.partWait = messageDue.map { $0 - min($0, loop.now) }
    }

    private func addHolds(to facts: inout WhyFacts, isBrief: Bool) {
        facts.holds = holds
        if let rates, holds.contains(.rate) {
            facts.rateWait = rates.heldUntil - min(rates.heldUntil, loop.now)
        }
        if holds.contains(.relay), case .relays(let other)? = facts.stance {
            let cause = other.facts(isBrief: true).sending?.description ?? ""
            facts.otherSide = ", \(other.peerEndpoint): \(cause)"
        }
        guard !isBrief, !holds.isEmpty, let recorder = loop.recorder else { return }
        let record = recorder.last(1) { [holds] record in
            record.isOf(self) && record.event == .held
                && holds.contains(ReceiveHolds(rawValue: UInt8(truncatingIfNeeded: record.first)))
        }.first
        guard let record else { return }
        facts.heldFor = recorder.age(of: record, now: loop.now)
        if holds.contains(.paused) { facts.pausedAt = Origin.description(ofWord: record.second) }
    }
}

extension UVLoop {
    /// The time now in milliseconds, also in the middle of a turn.
    fileprivate var preciseNow: UInt64 {
        network == nil ? preciseNanoseconds() / 1_000_000 : now
    }
}
