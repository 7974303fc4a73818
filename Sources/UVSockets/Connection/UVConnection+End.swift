extension UVConnection {
    /// Finishes sending: the peer is told, after all that was sent before, that no more follows.
    /// Receiving goes on until the peer finishes, too. Calling it again does nothing.
    public func finish() {
        loop.confine("UVConnection.finish")
        state.wantEnd(ofSendingOnly: true)
        state.finish()
        sendingEnded()
        settle()
    }

    /// Closes the connection after all that was sent before has left. Nothing is received any more.
    /// Calling it again does nothing.
    ///
    /// It takes at most the options' `flushTimeout` and `lingerTimeout`; `onDisconnected` says when
    /// it is done.
    public func close() {
        loop.confine("UVConnection.close")
        state.wantEnd()
        close(.closed)
    }

    /// Ends the connection at once. Queued bytes are lost, and the peer gets an error, ECONNRESET.
    public func reset() {
        loop.confine("UVConnection.reset")
        state.wantEnd()
        reset(.reset)
    }

    /// Closes the connection, with a reset behind what is queued where the peer must not take what it
    /// got for the whole.
    func close(_ why: UVEndReason, byReset: Bool = false) {
        guard state.reason == nil, !state.isClosed else { return }
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

    /// Nothing can be sent any more. What was received is still delivered, and then the end is told
    /// (RFC 9293 §3.10.4: a FIN, or a reset, does not take back what came before).
    func sendingBroke(_ call: String, _ code: UVError.Code) {
        // EPIPE is told where the peer had finished before it went.
        perform(state.sendingBroke(reason(call, code), isAborted: code != .brokenPipe))
        guard state.isBroken else { return }
        sendingEnded()
        release(.sendQueue)
        watch()
        loop.continueInNextTurn(self)
    }

    private func reason(_ call: String, _ code: UVError.Code) -> UVEndReason {
        switch code {
        case .timedOut, .hostUnreachable: .peerVanished
        case _ where code.isPeerGone: .peerReset
        default: .failed(UVError(call: call, subject: "\(peer)", code: code))
        }
    }

    /// Ends a connection whose peer is gone once nothing is left to be delivered.
    func endIfNothingIsLeft() {
        guard state.isBroken else { return }
        let isLeft = extras?.hasBacklog == true || handle.bytesUnread > 0
        if !isLeft { perform(state.failed(.peerReset)) }
    }

    /// Ends a connection that its peer has given up, and that is paused, or relayed to one that takes
    /// nothing, when it is looked at for the second time. What was not delivered is lost then, unread or
    /// kept: nobody knows whether it would ever be asked for.
    func endIfAbandoned() {
        guard state.isAborted, !holds.isDisjoint(with: [.paused, .relay]) else { return }
        if !holds.insert(.abandoned).inserted { perform(state.failed(.peerReset)) }
    }

    /// No more can be sent: who waits for room is told.
    func sendingEnded() {
        guard !state.acceptsBytes else { return }
        if owesDrained, agent.isToldOfSlowEnds { tellDrained() }
        // Where no more messages come, either, the sink is told of both.
        if state.delivers { sink?.sendingEnded() }
    }

    /// Takes the next step towards the end if nothing waits to be sent; bounds the wait otherwise.
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

    /// Flushing, or lingering, took its time. A peer that has acknowledged bytes meanwhile, with more
    /// still to come, gets as much again, up to the time for flushing: a close would reset the
    /// connection if the peer has sent anything, and those bytes would be lost.
    func endDeadlinePassed() {
        if state.isLingering, state.isResetting || state.hasPeerFinished {
            awaitAcknowledgement()
        } else if state.isLingering, isStillTaking {
            loop.schedule(self, after: options.lingerTimeout)
        } else {
            perform(state.deadlinePassed())
        }
    }

    private var isStillTaking: Bool {
        let left = bytesUnacknowledged
        defer { unwritten = left }
        return left > 0 && left < unwritten
            && deadlines.lingering(at: loop.now) < options.flushTimeout.wholeMilliseconds
    }

    /// How many bytes the kernel has taken that the peer has not acknowledged.
    var bytesUnacknowledged: UInt32 {
        let count = UInt32(clamping: handle.bytesUnacknowledged)
        // The kernel counts the FIN as one.
        return state.hasSentFIN && count > 0 ? count - 1 : count
    }

    /// Whether the peer has acknowledged what was sent, for all that anybody asks: the report of a
    /// drain does.
    var isAcknowledged: Bool { !agent.countsLosses || bytesUnacknowledged == 0 }

    /// Ends the connection once the peer has acknowledged what was sent, or does not for too long.
    private func awaitAcknowledgement() {
        let waited = deadlines.lingering(at: loop.now)
        let limit = state.isResetting ? options.lingerTimeout : options.flushTimeout
        // Nothing is read, so that nothing else would tell.
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
        case .finishSending: handle.finishSending()
        case .linger:
            handle.finishSending()
            deadlines.lingeringBegan(at: loop.now)
            unwritten = bytesUnacknowledged
            loop.schedule(self, after: options.lingerTimeout)
            updateReceiving()
        case .awaitReset:
            deadlines.lingeringBegan(at: loop.now)
            updateReceiving()
            awaitAcknowledgement()
        case .awaitAcknowledgement:
            handle.finishSending()
            deadlines.lingeringBegan(at: loop.now)
            updateReceiving()
            awaitAcknowledgement()
        case .close:
            socketEnds()
            handle.close()
        case .reset:
            socketEnds()
            handle.reset()
        }
    }

    /// The socket is to be closed now.
    private func socketEnds() {
        events.queuedBytes -= queuedBytes
        unwritten = agent.countsLosses ? bytesUnacknowledged : 0
        sendingEnded()
    }

    /// How many bytes were sent that have not arrived, for all that is known when it has ended.
    var bytesLost: Int { queuedBytes + Int(unwritten) }

    /// The socket is closed, and its handle calls no more.
    func handleDidClose() {
        if deadlineSlot != nil { loop.unschedule(self) }
        if isDrainedDue { callOnDrained() }
        sink = nil
        agent.connectionDidEnd(self, state.reason ?? .closed)
        if queuedBytes > 0 { enqueue { $0.removeAll() } }
    }
}
