extension UVConnection {
    /// Finishes sending: after everything sent before, the peer is told that no more follows.
    ///
    /// Receiving goes on until the peer finishes, too. Calling it again does nothing.
    public func finish() {
        loop.confine("UVConnection.finish")
        state.wantEnd(ofSendingOnly: true)
        state.finish()
        sendingEnded()
        settle()
    }

    /// Closes the connection after everything that was sent before has left.
    ///
    /// Nothing is received any more. Calling it again does nothing.
    ///
    /// It takes at most the options' `flushTimeout` and `lingerTimeout`. `onDisconnected` is called
    /// when it is done.
    public func close() {
        loop.confine("UVConnection.close")
        state.wantEnd()
        close(.closed)
    }

    /// Ends the connection at once. Queued bytes are lost, and the peer gets the error ECONNRESET.
    public func reset() {
        loop.confine("UVConnection.reset")
        state.wantEnd()
        reset(.reset)
    }

    /// Closes the connection. If what the peer got must not look complete, a reset follows the
    /// queued bytes.
    func close(_ why: UVEndReason, byReset: Bool = false) {
        guard state.reason == nil, !state.isClosed else { return }
        loop.record(.ending, self, UInt64(why.kind.rawValue))
        perform(state.close(why, byReset: byReset))
        sendingEnded()
        settle()
        if state.discards { updateReceiving() }
    }

    func reset(_ why: UVEndReason) {
        perform(state.reset(why))
    }

    /// A call on the socket failed: the connection is gone.
    func fail(_ call: String, _ code: UVError.Code) {
        perform(state.failed(reason(call, code)))
    }

    /// Nothing can be sent any more. What was received is still delivered, and then the end is
    /// reported (RFC 9293 §3.10.4: a FIN or a reset does not take back what came before).
    func sendingBroke(_ call: String, _ code: UVError.Code) {
        // The error is EPIPE if the peer had finished before it went away.
        perform(state.sendingBroke(reason(call, code), isAborted: code != .brokenPipe))
        guard state.isBroken else { return }
        sendingEnded()
        release(.sendQueue)
        watch()
        loop.continueInNextTurn(self)
    }

    private func reason(_ call: String, _ code: UVError.Code) -> UVEndReason {
        loop.record(.failed, self, UInt64(truncatingIfNeeded: Int(code.rawValue)))
        tell(.failed(code))
        return switch code {
        case .timedOut, .hostUnreachable: .peerVanished
        case _ where code.isPeerGone: .peerReset
        default: .failed(UVError(call: call, subject: "\(peer)", code: code))
        }
    }

    /// Ends a connection whose peer is gone, once nothing is left to be delivered.
    func endIfNothingIsLeft() {
        guard state.isBroken else { return }
        let isLeft = extras?.hasBacklog == true || handle.bytesUnread > 0
        if !isLeft { perform(state.failed(.peerReset)) }
    }

    /// Ends a connection that its peer has given up and that does not read. It does not read
    /// because it is paused, or because it is relayed to a side that takes nothing. It is ended at
    /// the second check. Bytes that were not delivered are then lost, unread or kept, because
    /// nobody knows whether they would ever be asked for.
    ///
    /// If it does not read because a task does not ask for messages, the task is cancelled after a
    /// while. It may wait for something else for ever. What came is still there for it.
    func endIfAbandoned() {
        guard state.isAborted, !holds.isDisjoint(with: [.paused, .relay, .task]) else { return }
        let isFirst = holds.insert(.abandoned).inserted
        guard holds.isDisjoint(with: [.paused, .relay]) else {
            if !isFirst { perform(state.failed(.peerReset)) }
            return
        }
        let extras = extras ?? ConnectionExtras(events.coder)
        self.extras = extras
        if isFirst || extras.abandonedAt == 0 { extras.abandonedAt = loop.now }
        guard loop.now - extras.abandonedAt >= Self.timeForOneMessage else { return }
        sink?.peerHasGone()
        extras.tasks?.cancelAll()
    }

    /// How many milliseconds a task may take for one message when its peer has gone.
    private static var timeForOneMessage: UInt64 { 30_000 }

    /// No more can be sent. Tells everyone who waits for room.
    func sendingEnded() {
        guard !state.acceptsBytes else { return }
        if owesDrained, agent.isToldOfSlowEnds { tellDrained() }
        // If no more messages come either, the sink is told of both at once.
        if state.delivers { sink?.sendingEnded() }
    }

    /// Takes the next step towards the end if nothing waits to be sent. Otherwise limits the wait.
    func settle() {
        guard state.isFinishing else { return }
        if extras != nil { finishLayer() }
        if bytesQueued == 0, !isWriting {
            perform(
                state.drained(isAcknowledged: !state.hasPeerFinished || isAcknowledged))
        } else if state.boundsFlush() {
            loop.schedule(self, after: options.flushTimeout)
        }
    }

    /// The time for flushing or lingering is over. If the peer has acknowledged bytes meanwhile and
    /// still has more to acknowledge, it gets the linger time again, up to the flush timeout in
    /// total. A close would reset the connection if the peer has sent anything, and those bytes
    /// would be lost.
    func endDeadlinePassed() {
        if state.isLingering, state.isResetting || state.hasPeerFinished {
            awaitAcknowledgement()
        } else if state.isLingering, isStillTaking {
            loop.schedule(self, after: options.lingerTimeout)
        } else {
            if state.isLingering {
                events.guards.lingerTimeouts += 1
            } else {
                events.guards.flushTimeouts += 1
            }
            perform(state.deadlinePassed())
        }
    }

    private var isStillTaking: Bool {
        let left = bytesUnacknowledged
        defer { unwritten = left }
        return left > 0 && left < unwritten
            && deadlines.lingering(at: loop.now) < options.flushTimeout.wholeMilliseconds
    }

    /// How many bytes the kernel has taken and the peer has not acknowledged.
    var bytesUnacknowledged: UInt32 {
        let count = UInt32(clamping: handle.bytesUnacknowledged)
        // The kernel counts the FIN as one byte.
        return state.hasSentFIN && count > 0 ? count - 1 : count
    }

    /// Whether the peer has acknowledged what was sent. Also true if nobody asks: only the report
    /// of a drain does.
    var isAcknowledged: Bool { !agent.countsLosses || bytesUnacknowledged == 0 }

    /// Ends the connection once the peer has acknowledged what was sent, or the time is over.
    private func awaitAcknowledgement() {
        let waited = deadlines.lingering(at: loop.now)
        let limit = state.isResetting ? options.lingerTimeout : options.flushTimeout
        // Nothing is read, so only this can show that the peer is gone.
        let isGone = handle.takeError() != nil
        if !isGone, bytesUnacknowledged > 0, waited < limit.wholeMilliseconds {
            loop.schedule(self, after: DeadlineClock.tick)
        } else {
            perform(state.deadlinePassed())
        }
    }

    func perform(_ action: ConnectionState.Action) {
        defer { if !state.delivers { sink?.receivingEnded() } }
        switch action {
        case .none: break
        case .finishSending: finishOnWire()
        case .linger:
            finishOnWire()
            deadlines.lingeringBegan(at: loop.now)
            unwritten = bytesUnacknowledged
            loop.schedule(self, after: options.lingerTimeout)
            updateReceiving()
        case .awaitReset:
            deadlines.lingeringBegan(at: loop.now)
            updateReceiving()
            awaitAcknowledgement()
        case .awaitAcknowledgement:
            finishOnWire()
            deadlines.lingeringBegan(at: loop.now)
            updateReceiving()
            awaitAcknowledgement()
        case .close:
            // A kernel resets a connection whose bytes nobody has read.
            tell(.closing(byReset: handle.bytesUnread > 0, bytesUnacknowledged: wireUnacknowledged))
            socketEnds()
            handle.close()
        case .reset:
            tell(.closing(byReset: true, bytesUnacknowledged: wireUnacknowledged))
            socketEnds()
            handle.reset()
        }
    }

    private func finishOnWire() {
        handle.finishSending()
        tell(.finished)
    }

    /// The socket is about to be closed.
    private func socketEnds() {
        events.queuedBytes -= queuedBytes
        unwritten = agent.countsLosses ? bytesUnacknowledged : 0
        sendingEnded()
    }

    /// How many sent bytes have not arrived, as far as is known at the end.
    var bytesLost: Int { queuedBytes + Int(unwritten) }

    /// The socket is closed. Its handle makes no more calls.
    func handleDidClose() {
        if deadlineSlot != nil { loop.unschedule(self) }
        if isDrainedDue { callOnDrained() }
        sink.take()?.connectionEnded()
        extras?.tasks?.cancelAll()
        let reason = state.reason ?? .closed
        loop.record(.ended, self, UInt64(reason.kind.rawValue), UInt64(bytesLost))
        tell(.ended(reason, bytesQueued: queuedBytes))
        agent.connectionDidEnd(self, reason)
        if queuedBytes > 0 { enqueue { $0.removeAll() } }
    }
}
