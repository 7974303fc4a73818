internal import Logging

/// How the clients of a stopped listener ended.
///
/// ``drained`` and ``cutOff`` together are all clients at the time of the stop. This includes
/// clients whose connections were already ending.
///
/// Bytes count as sent when the client's kernel has acknowledged them. Only the client itself could
/// tell whether it has read them. On systems other than Linux, bytes count as sent when this
/// machine's kernel has taken them.
public struct UVDrainReport: Sendable, Hashable {
    /// How many clients got everything that was given to `send` for them.
    public internal(set) var drained = 0
    /// How many clients did not get everything.
    ///
    /// They were reset when the time was over, or had gone by themselves before.
    public internal(set) var cutOff = 0
    /// How many bytes of the cut-off clients were not acknowledged, framing included.
    ///
    /// Only bytes that `send` had taken count.
    public internal(set) var bytesLost = 0

    /// Adds how the clients of another listener ended.
    mutating func add(_ other: UVDrainReport) {
        drained += other.drained
        cutOff += other.cutOff
        bytesLost += other.bytesLost
    }
}

/// A stop in progress.
struct DrainProgress {
    private(set) var report = UVDrainReport()
    let deadline: TimerHandle?
    /// The last message that tasks send to their clients when their handlers return.
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
    /// Stops the listener and drains its clients.
    ///
    /// It accepts nobody any more. It sends each client what is queued for it and a last message,
    /// then closes it. A client with tasks of ``UVConnection/task(_:)`` gets the last message and is
    /// closed when they have ended. When the time is over, it resets the remaining clients.
    ///
    /// The kernel resets clients that have connected but were not accepted yet. A stopped listener
    /// cannot be started again. After the last client is gone and the completion was called, the
    /// listener releases all its callbacks.
    ///
    /// The goodbye is sent to each client as `send` would send it: after everything sent before,
    /// and in that client's framing. Clients that are already closing do not get it, nor do those
    /// with more queued bytes than their `sendLimit`. Clients whose framing refuses it do not get
    /// it either. The log has a warning with their number, and they are drained like the others.
    ///
    /// A second stop during the drain replaces the time. So `stop(drainFor: .zero)` ends the drain
    /// at once. The goodbye of a second stop comes too late and is not sent.
    ///
    /// - Parameters:
    ///   - time: How long clients may take to get what is queued for them and to close. Their
    ///     options' `flushTimeout` and `lingerTimeout` still hold if they are shorter.
    ///   - goodbye: The last message to every client. By default it is empty, and nothing is sent.
    ///   - completion: Called once when all clients are gone, with the report. It is never called
    ///     within this call.
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
            } else if client.extras?.tasks != nil {
                // It is closed when its tasks have ended.
                client.hold(.finished)
            } else {
                client.close(.listenerStopped)
            }
        }
        // This also runs if there is no memory for a timer.
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
            guard client.sink == nil, client.extras?.tasks == nil else { continue }
            if case .refused(let error) = client.send(goodbye) {
                refusals += 1
                reason = error
            }
            // Flush one client at a time, so that not every client needs a buffer at once.
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

    /// Reports when no client is left.
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

    /// Breaks reference cycles: callbacks often refer to their listener.
    private func releaseCallbacks() {
        (listeningCallback, failureCallback) = (nil, nil)
        (onStopped, sharedState) = (nil, nil)
        // From now on only users keep the server handle. They may still ask it for the statistics.
        server = nil
        events.releaseCallbacks()
        // Connections that a user keeps still have the old events object.
        events = ConnectionEvents(events) { _, _ in }
    }
}

extension UVConnection {
    /// Sends its listener's last message, behind what its tasks have sent.
    func sendGoodbye() {
        guard let goodbye = (agent as? UVListener)?.drain?.goodbye, !goodbye.isEmpty,
            queuedBytes <= options.sendLimit
        else { return }
        send(goodbye.span)
    }
}
