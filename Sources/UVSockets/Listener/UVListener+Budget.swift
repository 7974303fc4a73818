internal import Logging

extension UVListener {
    /// How many bytes wait in the queues of all clients.
    ///
    /// A broadcast counts once in each queue it waits in.
    public var bytesQueued: Int {
        loop.confine("UVListener.bytesQueued")
        return events.queuedBytes
    }

    /// The queues together hold more than the options' `outboundBudget`. First they are written, as
    /// far as the kernel takes the bytes. Then the clients with the most queued bytes are reset,
    /// until an eighth of the budget is free. The free eighth keeps this from running again for
    /// each message of a flood.
    func outboundBudgetPassed() {
        loop.flushGathered()
        guard events.queuedBytes > events.outboundBudget else { return }
        let target = events.outboundBudget - events.outboundBudget / 8
        let worst = clientTable.all.sorted { $0.queuedBytes > $1.queuedBytes }
        var evicted: UInt64 = 0
        for client in worst where events.queuedBytes > target && !client.state.isClosed {
            client.reset(.outboundBudgetExceeded)
            evicted += 1
        }
        events.guards.evictions += evicted
        guard let times = loop.throttles.evictions.times() else { return }
        loop.logger.warning(
            "ended the slowest clients: more bytes were queued than the outbound budget allows",
            metadata: [
                "clients": "\(evicted)", "budget": "\(events.outboundBudget)",
                "times": "\(times)",
            ])
    }
}
