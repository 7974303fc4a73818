/// How the clients of a stopped listener ended.
public struct UVDrainReport: Sendable, Hashable {
    /// How many clients got all that had been sent to them.
    public internal(set) var drained = 0
    /// How many were cut off before that: reset when the time was over, or gone by themselves.
    public internal(set) var cutOff = 0
    /// How many bytes had been sent to the latter that the kernel never took.
    public internal(set) var bytesLost = 0
}

/// A stop under way.
struct DrainProgress {
    private(set) var report = UVDrainReport()
    let deadline: TimerHandle?
    let completions: [(UVDrainReport) -> Void]

    mutating func ended(_ client: UVConnection) {
        if client.queuedBytes == 0 {
            report.drained += 1
        } else {
            report.cutOff += 1
            report.bytesLost += client.queuedBytes
        }
    }
}

extension UVListener {
    /// Stops: accepts nobody any more, sends every client what is queued for it, closes it, and
    /// when the time is over resets the rest.
    ///
    /// Clients that have connected but were not accepted yet are reset by the kernel. A listener
    /// that has stopped cannot be started again.
    ///
    /// Stopping again while it drains replaces the time, so that `stop(drainFor: .zero)` ends at once.
    ///
    /// - Parameters:
    ///   - time: How long clients may take to get what is queued for them, and to close in turn.
    ///   - goodbye: A last message to every client, behind all that was sent before, framed as the
    ///     client's connection is. One that has no bytes, or that the framing refuses, is not sent.
    ///   - completion: Called once all are gone, with what became of them; within this call where
    ///     there is no client.
    public func stop(
        drainFor time: Duration = .seconds(5), goodbye: [UInt8] = [],
        completion: @escaping (UVDrainReport) -> Void = { _ in }
    ) {
        loop.confine("UVListener.stop")
        closeDoor()
        drain?.deadline?.close()
        let deadline = time > .zero ? try? TimerHandle(on: loop) { self.cutOff() } : nil
        deadline?.start(after: time)
        drain = DrainProgress(
            report: drain?.report ?? UVDrainReport(), deadline: deadline,
            completions: (drain?.completions ?? []) + [completion])
        for client in clientTable.all {
            if !goodbye.isEmpty { client.send(goodbye) }
            client.close(.listenerStopped)
        }
        // Also where there is no memory for a timer.
        if deadline == nil { cutOff() }
        finishDrain()
    }

    private func cutOff() {
        for client in clientTable.all {
            client.flushCork()
            client.flush()
            if client.queuedBytes == 0 {
                client.perform(client.state.failed(.listenerStopped))
            } else {
                client.reset(.listenerStopped)
            }
        }
    }

    /// Reports once nobody is left.
    func finishDrain() {
        guard let drain, clientTable.all.isEmpty else { return }
        self.drain = nil
        drain.deadline?.close()
        for completion in drain.completions { completion(drain.report) }
    }
}
