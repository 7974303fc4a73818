internal import Logging

extension UVConnector: ConnectionAgent {
    /// Whether another attempt follows the end of this connection.
    func isFollowed(_ connection: UVConnection) -> Bool {
        backoff != nil && isTrying && !connection.state.endIsWanted
    }

    /// Starts to wait for the next attempt.
    ///
    /// - Returns: How long it waits. Nil if no attempt is left.
    func scheduleNext() -> Duration? {
        guard let delay = backoff?.next(using: &random),
            let timer = try? TimerHandle(on: loop, onTick: { self.delayPassed() })
        else {
            dropKept()
            return nil
        }
        timer.start(after: delay)
        state = .waiting(timer)
        return delay
    }

    private func delayPassed() {
        guard case .waiting(let timer) = state else { return }
        timer.close()
        do throws(UVError) {
            try startAttempt()
        } catch {
            fail(error)
        }
    }

    /// Reports that it waits, or that it has given up, unless a callback has changed that
    /// meanwhile.
    func tell(_ delay: Duration?, _ why: UVEndReason) {
        switch (delay, state) {
        case (let delay?, .waiting):
            loop.running(.reconnecting) { reconnectCallback?(self, delay, why) }
        case (nil, .idle) where isTrying:
            isTrying = false
            loop.running(.failed) { failureCallback?(self, error(why)) }
        default: break
        }
    }

    private func error(_ why: UVEndReason) -> UVError {
        if case .failed(let error) = why { return error }
        return UVError(
            call: "connect", subject: "\(endpoint)", code: .connectionAborted,
            reason: "the last allowed connection ended too soon: \(why)")
    }

    // MARK: - The end of the connection

    /// It has only one connection, which its `sendLimit` bounds.
    func outboundBudgetPassed() {}

    var countsLosses: Bool { false }
    /// Senders that were told to wait are called when the next connection is there.
    var isToldOfSlowEnds: Bool { false }

    func connectionDidOpen(_ connection: UVConnection) {
        loop.running(.connected, of: connection) { events.onConnected?(connection) }
        events.onBegun?(connection)
        sendKept(on: connection)
    }

    /// Makes the layer between the wire and the framing of each connection from now on. Nil means
    /// no layer.
    package var makeLayer: (() -> any WireLayer)? {
        get { events.makeLayer }
        set { events.makeLayer = newValue }
    }

    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason) {
        current = nil
        peerWatch?.end()
        peerWatch = nil
        state = .idle
        loop.logger.trace("disconnected", metadata: ["reason": "\(reason)"])
        guard isFollowed(connection) else {
            isTrying = false
            dropKept()
            ended(connection, reason)
            return
        }
        if connection.watermark.isAbove { owesDrained = true }
        backoff?.connectionEnded(after: connection.age)
        let delay = scheduleNext()
        ended(connection, reason)
        tell(delay, reason)
    }

    private func ended(_ connection: UVConnection, _ reason: UVEndReason) {
        loop.running(.disconnected, of: connection) {
            events.onDisconnected?(connection, reason)
        }
    }
}
