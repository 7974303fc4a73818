extension UVAsyncConnection {
    /// Sends each of two connections what the other receives, until both peers have finished sending,
    /// or one of the connections has ended: a proxy's work.
    ///
    ///     try await UVListener.serve(at: "[::]:8080", loops: UVLoopGroup.cores) { client in
    ///         try await client.connect(to: "localhost:8081") { server in
    ///             try await client.relay(with: server)
    ///         }
    ///     }
    ///
    /// Each passes on whole messages, in its own framing, which need not be the other's. Where a peer
    /// has finished, the other is told so once it has got all, and can still answer. One that takes
    /// more slowly than the other sends holds that back, at its `highWatermark` and one read beyond;
    /// the options' `holdsAboveHighWatermark` does not hold meanwhile, so that neither direction waits
    /// for the other. One that only takes is idle, for the `idleTimeout`, unless `idleCountsSent`.
    ///
    /// One that takes nothing for long is not ended: the `writeStallTimeout` does not hold meanwhile.
    /// A person who pauses a download for a minute costs a proxy no more than a watermark's memory.
    /// Set an `idleTimeout` to end those who stay so.
    ///
    /// A listener that stops lets a relay go on for the drain time. A client that has finished gets the
    /// rest, however long it pauses: the `flushTimeout` does not hold, either.
    ///
    /// Where one of them ends otherwise than by its peer's finishing, because its peer has reset it, the
    /// user has closed it, the drain time is over or a message cannot be framed, say, this
    /// throws, and the other is reset as well when its handler has returned, behind what was passed on
    /// to it: what was cut off cannot look whole. A handler that goes on with that connection, to send
    /// or to receive, decides itself how it ends.
    ///
    /// The messages are passed on within the receive cycle; the task sleeps meanwhile, and wakes once,
    /// at the end.
    ///
    /// - Parameter other: The other connection, of the same loop. Nobody else may wait for messages of
    ///   either.
    /// - Throws: ``UVEndReason`` where one of them did not end as it should, as ``messages`` does;
    ///   ``FramingError`` where a message cannot be one frame of the other's framing.
    nonisolated(nonsending) public func relay(with other: UVAsyncConnection) async throws {
        let loop = connection.loop
        loop.confine("UVAsyncConnection.relay")
        precondition(
            other !== self && other.connection.loop === loop,
            "a relay is between two connections of one loop")
        precondition(
            !isTaken && !other.isTaken, "two tasks wait for messages of one connection")
        let relay = Relay(self, other)
        relay.begin()
        while !relay.isOver { await relay.wait(on: loop) }
        try relay.end()
    }
}

/// Two connections, each of which sends what the other receives, and the task that waits for the end
/// of it.
final class Relay: ParkingSlot {
    private struct Lane {
        let source: UVAsyncConnection
        let target: UVAsyncConnection
        var isOver = false
    }

    var job: UnownedJob?
    private var lanes: [Lane]

    init(_ one: UVAsyncConnection, _ other: UVAsyncConnection) {
        lanes = [Lane(source: one, target: other), Lane(source: other, target: one)]
    }

    /// Whether all has been passed on and has left, or can be passed on to nobody, or something was cut
    /// off.
    var isOver: Bool {
        lanes.allSatisfy {
            let state = $0.target.connection.state
            return $0.isOver ? !state.isFinishing : state.reason != nil
        }
            || lanes.contains { $0.source.failure != nil || $0.source.cutOff != nil }
    }

    func begin() {
        for lane in lanes {
            lane.source.relay = self
            lane.source.connection.release(.sendQueue)
            if lane.target.connection.watermark.isAbove { lane.source.connection.hold(.relay) }
        }
        for lane in lanes {
            lane.source.lendMessages { [self] message in
                try pass(message, from: lane.source, to: lane.target)
            }
        }
        sourceEnded()
    }

    /// Lets both go. What is cut off ends by a reset.
    ///
    /// - Throws: Why it has not ended as it should.
    func end() throws {
        var failures: [any Error] = []
        let sources = lanes.map(\.source)
        let cutOff = sources.lazy.compactMap(\.cutOff).first
        for source in sources {
            if let failure = source.takeBack() { failures.append(failure) }
            source.relay = nil
            source.connection.holdIfFull()
            source.connection.release(.relay)
            // What the listener's stop has left to the relay.
            if source.connection.listener?.drain != nil { source.agentStops() }
        }
        guard let end = failures.first ?? cutOff else { return }
        for source in sources { source.cutOffAt = source.progress }
        throw end
    }

    private func pass(
        _ message: Span<UInt8>, from source: UVAsyncConnection, to target: UVAsyncConnection
    ) throws {
        switch target.send(message) {
        case .taken, .takenButFull: return
        case .refused(let error): throw error
        case .closed:
            // Where it was cut off, or its peer is gone, the relay is over for that reason once what the
            // peer had sent before is passed on.
            let isGone = target.cutOff != nil || target.connection.state.isBroken
            guard isGone else { throw UVEndReason.closed }
            source.connection.hold(.task)
        }
    }

    /// No more messages come from one of them, or it has ended.
    func sourceEnded() {
        for number in lanes.indices where !lanes[number].isOver {
            let lane = lanes[number]
            guard lane.source.isAtEnd else { continue }
            lanes[number].isOver = true
            if lane.source.cutOff == nil { lane.target.connection.finish() }
        }
        if isOver, let lane = lanes.first { wake(on: lane.source.connection.loop) }
    }

    /// The queue of one of them has risen above the high watermark.
    func filled(_ target: UVAsyncConnection) {
        other(than: target).connection.hold(.relay)
    }

    /// The queue of one of them has fallen below the low watermark.
    func drained(_ target: UVAsyncConnection) {
        other(than: target).connection.release(.relay)
    }

    func other(than one: UVAsyncConnection) -> UVAsyncConnection {
        lanes[0].source === one ? lanes[1].source : lanes[0].source
    }
}
