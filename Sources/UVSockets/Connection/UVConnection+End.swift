extension UVConnection {
    /// Finishes sending: the peer is told, after all that was sent before, that no more follows.
    /// Receiving goes on until the peer finishes, too. Calling it again does nothing.
    public func finish() {
        loop.confine("UVConnection.finish")
        state.wantEnd(ofSendingOnly: true)
        state.finish()
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

    func close(_ why: UVEndReason) {
        guard state.reason == nil, !state.isClosed else { return }
        perform(state.close(why))
        settle()
        if state.discards { updateReceiving() }
    }

    func reset(_ why: UVEndReason) {
        perform(state.reset(why))
    }

    /// A call on the socket failed: the connection is gone.
    func fail(_ call: String, _ code: UVError.Code) {
        let why: UVEndReason =
            switch code {
            case .timedOut, .hostUnreachable: .peerVanished
            case _ where code.isPeerGone: .peerReset
            default: .failed(UVError(call: call, subject: "\(peer)", code: code))
            }
        perform(state.failed(why))
    }

    /// Takes the next step towards the end if nothing waits to be sent; bounds the wait otherwise.
    func settle() {
        guard state.isFinishing else { return }
        if bytesQueued == 0, !isWriting {
            perform(state.drained())
        } else if state.boundsFlush() {
            loop.schedule(self, after: options.flushTimeout)
        }
    }

    /// Flushing, or lingering, took its time. A peer that has acknowledged bytes meanwhile, with more
    /// still to come, gets as much again, up to the time for flushing: a close would reset the
    /// connection if the peer has sent anything, and those bytes would be lost.
    func endDeadlinePassed() {
        if state.isLingering, isStillTaking {
            loop.schedule(self, after: options.lingerTimeout)
        } else {
            perform(state.deadlinePassed())
        }
    }

    private var isStillTaking: Bool {
        let left = UInt32(clamping: handle.bytesUnacknowledged)
        defer { unwritten = left }
        return left > 0 && left < unwritten
            && deadlines.lingering(at: loop.now) < options.flushTimeout.wholeMilliseconds
    }

    func perform(_ action: ConnectionState.Action) {
        defer { if let session, !state.delivers { session.receivingEnded() } }
        switch action {
        case .none: break
        case .finishSending: handle.finishSending()
        case .linger:
            handle.finishSending()
            deadlines.lingeringBegan(at: loop.now)
            unwritten = UInt32(clamping: handle.bytesUnacknowledged)
            loop.schedule(self, after: options.lingerTimeout)
            updateReceiving()
        case .close:
            handlers.queuedBytes -= queuedBytes
            handle.close()
        case .reset:
            handlers.queuedBytes -= queuedBytes
            handle.reset()
        }
    }

    /// The socket is closed, and its handle calls no more.
    func handleDidClose() {
        if deadlineSlot != nil { loop.unschedule(self) }
        host.connectionDidEnd(self, state.reason ?? .closed)
        if queuedBytes > 0 { enqueue { $0.removeAll() } }
    }
}
