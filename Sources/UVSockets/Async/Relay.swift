extension UVAsyncConnection {
    /// Passes on what each of two connections receives to the other: the work of a proxy.
    ///
    /// It returns when both peers have finished sending, or when one of the connections has ended.
    ///
    ///     try await UVListener.serve(at: "[::]:8080", loops: UVLoopGroup.cores) { client in
    ///         try await client.connect(to: "localhost:8081") { server in
    ///             try await client.relay(with: server)
    ///         }
    ///     }
    ///
    /// Each connection passes on whole messages in its own framing, and the two framings may
    /// differ. When a peer has finished, the other peer is told after it has got everything. It can
    /// still answer. If one side takes bytes more slowly than the other side sends them, the sender
    /// is held back at the `highWatermark` and one read more. The options'
    /// `holdsAboveHighWatermark` has no effect during the relay, so that neither direction waits
    /// for the other. A side that only receives becomes idle after the `idleTimeout`, unless
    /// `idleCountsSent` is set.
    ///
    /// A side that takes nothing for a long time is not ended: the `writeStallTimeout` has no
    /// effect during the relay. So a person who pauses a download for a minute costs a proxy only
    /// the memory of a watermark. Set an `idleTimeout` to end a side that stays like this.
    ///
    /// If the listener stops, a relay goes on for the drain time. A client that has finished
    /// sending gets the rest, however long it pauses: the `flushTimeout` has no effect either.
    ///
    /// A side can end without its peer's finish: for example the peer resets it, you close it, the
    /// drain time is over, or a message cannot be framed. Then this call throws. When the handler
    /// has returned, the other side is reset, too, after everything that was passed on to it. So a
    /// transfer that was cut off cannot look complete. If a handler goes on to send or receive on
    /// that connection, the handler itself decides how it ends.
    ///
    /// The messages are passed on within the receive cycle. The task sleeps meanwhile, and wakes
    /// once, at the end.
    ///
    /// - Parameter other: The other connection, on the same loop. Other tasks that
    ///   ask for messages of either connection wait until it is over.
    /// - Throws: ``UVEndReason`` if one of them did not end normally, as for ``messages``.
    ///   ``FramingError`` if a message cannot be one frame of the other's framing.
    ///   `CancellationError` if the task is cancelled.
    nonisolated(nonsending) public func relay(with other: UVAsyncConnection) async throws {
        let loop = self.loop
        guard loop.isHome(of: #isolation) else {
            return try await LoopScope(loop).run { try await self.relay(with: other) }
        }
        precondition(
            other !== self && other.base.loop === loop,
            "a relay needs two different connections on the same loop")
        while isTaken || other.isTaken {
            try await takeTurn()
            try await other.takeTurn()
        }
        defer {
            passTurn()
            other.passTurn()
        }
        let relay = Relay(self, other)
        relay.begin()
        while !relay.isOver {
            await relay.slot.waitUnlessCancelled(on: loop)
            if Task.isCancelled, !relay.isOver { relay.isCancelled = true }
        }
        try relay.end()
    }
}

/// Two connections that each send what the other receives, and the task that waits for the end.
final class Relay {
    private struct Lane {
        let source: UVAsyncConnection
        let target: UVAsyncConnection
        var isOver = false
    }

    /// Where its task waits.
    let slot = TaskSlot()
    /// Whether its task was cancelled before it was over.
    var isCancelled = false
    private var lanes: [Lane]

    init(_ one: UVAsyncConnection, _ other: UVAsyncConnection) {
        lanes = [Lane(source: one, target: other), Lane(source: other, target: one)]
    }

    /// Whether the relay is over. Either everything was passed on and has left, or nobody can get
    /// it any more, or something was cut off.
    var isOver: Bool {
        isCancelled
            || lanes.allSatisfy {
                let state = $0.target.base.state
                return $0.isOver ? !state.isFinishing : state.reason != nil
            }
            || lanes.contains { $0.source.failure != nil || $0.source.cutOff != nil }
    }

    func begin() {
        for lane in lanes {
            lane.source.relay = self
            lane.source.base.release(.sendQueue)
            if lane.target.base.watermark.isAbove { lane.source.base.hold(.relay) }
        }
        for lane in lanes {
            lane.source.lendMessages { [self] message in
                try pass(message, from: lane.source, to: lane.target)
            }
        }
        sourceEnded()
    }

    /// Releases both connections. If something was cut off, both will end with a reset.
    ///
    /// - Throws: Why the relay did not end normally.
    func end() throws {
        var failures: [any Error] = []
        let sources = lanes.map(\.source)
        let cutOff = sources.lazy.compactMap(\.cutOff).first
        for source in sources {
            if let failure = source.takeBack() { failures.append(failure) }
            source.relay = nil
            source.base.holdIfFull()
            source.base.release(.relay)
            // The listener's stop left this to the relay.
            if source.base.listener?.drain != nil { source.agentStops() }
        }
        let cancellation = isCancelled ? CancellationError() : nil
        guard let end = failures.first ?? cutOff ?? cancellation else { return }
        for source in sources { source.cutOffAt = source.progress }
        throw end
    }

    private func pass(
        _ message: Span<UInt8>, from source: UVAsyncConnection, to target: UVAsyncConnection
    ) throws {
        switch target.send(message) {
        case .taken, .takenButFull, .posted: return
        case .refused(let error): throw error
        case .closed, .overloaded:
            // If the target was cut off or its peer is gone, that is the reason why the relay ends.
            // First it passes on what that peer had sent before.
            let isGone = target.cutOff != nil || target.base.state.isBroken
            guard isGone else { throw UVEndReason.closed }
            source.base.hold(.task)
        }
    }

    /// One connection gets no more messages, or it has ended.
    func sourceEnded() {
        for number in lanes.indices where !lanes[number].isOver {
            let lane = lanes[number]
            guard lane.source.isAtEnd else { continue }
            lanes[number].isOver = true
            if lane.source.cutOff == nil { lane.target.base.finish() }
        }
        if isOver, let lane = lanes.first { slot.wake(on: lane.source.loop) }
    }

    /// The queue of one connection has risen above the high watermark.
    func filled(_ target: UVAsyncConnection) {
        other(than: target).base.hold(.relay)
    }

    /// The queue of one connection has fallen to the low watermark.
    func drained(_ target: UVAsyncConnection) {
        other(than: target).base.release(.relay)
    }

    func other(than one: UVAsyncConnection) -> UVAsyncConnection {
        lanes[0].source === one ? lanes[1].source : lanes[0].source
    }
}
