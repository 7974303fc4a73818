internal import Logging

/// How the clients of a stopped listener ended. Both counts together are the clients there were
/// when it was stopped, those included whose connections were ending already.
///
/// What the client's kernel has acknowledged counts as sent. Only the client could tell whether it has
/// read it. On another system than Linux, what this kernel has taken counts.
public struct UVDrainReport: Sendable, Hashable {
    /// How many clients have got all that had been given to `send` for them.
    public internal(set) var drained = 0
    /// How many have not: reset when the time was over, or gone by themselves before.
    public internal(set) var cutOff = 0
    /// How many bytes `send` had taken for the latter that were not acknowledged, with what frames
    /// them.
    public internal(set) var bytesLost = 0

    /// Adds how the clients of another listener ended.
    mutating func add(_ other: UVDrainReport) {
        drained += other.drained
        cutOff += other.cutOff
        bytesLost += other.bytesLost
    }
}

/// A stop under way.
struct DrainProgress {
    private(set) var report = UVDrainReport()
    let deadline: TimerHandle?
    /// What tasks have sent to their clients last, when they return.
    let goodbye: [UInt8]
    let completions: [(UVDrainReport) -> Void]

    mutating func ended(_ client: UVConnection) {
        if client.bytesLost == 0 {
            report.drained += 1
        } else {
            report.cutOff += 1
            report.bytesLost += client.bytesLost
        }
    }
}

extension UVListener {
    /// Stops: accepts nobody any more, sends every client what is queued for it and a last message,
    /// closes it, and when the time is over resets the rest.
    ///
    /// Clients that have connected but were not accepted yet are reset by the kernel. A listener
    /// that has stopped cannot be started again. When the last client is gone and the completion
    /// was called, it lets go of all its callbacks.
    ///
    /// The goodbye is sent to each client as `send` would: behind all that was sent before, and
    /// framed as that client's framing says. Clients that are being closed already, or that have
    /// more queued than their `sendLimit`, do not get it. Neither do those whose framing refuses it;
    /// a warning in the log counts them, and they are drained like the others.
    ///
    /// Stopping again while it drains replaces the time, so that `stop(drainFor: .zero)` ends at
    /// once; a goodbye comes too late then.
    ///
    /// - Parameters:
    ///   - time: How long clients may take to get what is queued for them, and to close in turn;
    ///     where it is longer than their options' `flushTimeout` or `lingerTimeout`, those hold.
    ///   - goodbye: The last message to every client. An empty one, the default, is not sent.
    ///   - completion: Called once all are gone, with what became of them; never within this call.
    public func stop(
        drainFor time: Duration = .seconds(5), goodbye: [UInt8] = [],
        completion: ((UVDrainReport) -> Void)? = nil
    ) {
        loop.confine("UVListener.stop")
        stopListening()
        drain?.deadline?.close()
        let isWaiting = time > .zero && !clientTable.all.isEmpty
        let deadline = isWaiting ? try? TimerHandle(on: loop) { self.cutOff() } : nil
        deadline?.start(after: time)
        drain = DrainProgress(
            report: drain?.report ?? UVDrainReport(), deadline: deadline,
            goodbye: drain?.goodbye ?? goodbye,
            completions: (drain?.completions ?? []) + [completion].compactMap(\.self))
        if !goodbye.isEmpty { sendGoodbye(goodbye) }
        for client in clientTable.all {
            if let sink = client.sink {
                sink.agentStops()
            } else {
                client.close(.listenerStopped)
            }
        }
        // Also where there is no memory for a timer.
        if deadline == nil { cutOff() }
        guard clientTable.all.isEmpty, let drain else { return }
        if drain.completions.isEmpty, onStopped == nil {
            finishDrain()
        } else {
            loop.runLater { self.finishDrain() }
        }
    }

    private func sendGoodbye(_ goodbye: [UInt8]) {
        var refusals = 0
        var reason: FramingError?
        for client in clientTable.all where client.queuedBytes <= client.options.sendLimit {
            guard client.sink == nil else { continue }
            if case .refused(let error) = client.send(goodbye) {
                refusals += 1
                reason = error
            }
            // One at a time, so that not every client needs a buffer at once.
            client.flushCork()
            client.flush()
        }
        guard let reason else { return }
        loop.logger.warning("the goodbye was not sent to \(refusals) clients: \(reason)")
    }

    private func cutOff() {
        for client in clientTable.all {
            client.flushCork()
            client.flush()
            let isPassing = client.sink?.isPassing == true
            if !isPassing, client.queuedBytes == 0, client.bytesUnacknowledged == 0 {
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
        peerWatch?.end()
        peerWatch = nil
        drain.deadline?.close()
        for completion in drain.completions { completion(drain.report) }
        onStopped?()
        releaseCallbacks()
    }

    /// Callbacks often refer to their listener; the two would keep each other for ever.
    private func releaseCallbacks() {
        (listeningCallback, failureCallback) = (nil, nil)
        onStopped = nil
        // Its face is its users' alone now, who may still ask how it has been.
        server = nil
        events.releaseCallbacks()
        // Connections that somebody keeps still have the old ones.
        events = ConnectionEvents(events) { _, _ in }
    }
}
