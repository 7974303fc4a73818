internal import Logging

extension UVListener {
    /// How many bytes wait in the queues of all clients. A broadcast counts in each queue it waits in.
    public var bytesQueued: Int {
        loop.confine("UVListener.bytesQueued")
        return events.queuedBytes
    }

    /// The queues hold more than the options' `outboundBudget`. What the kernel takes leaves; then
    /// the clients with the most queued bytes go, until an eighth of the budget is free again, so that
    /// this is not done for each message of a storm.
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
