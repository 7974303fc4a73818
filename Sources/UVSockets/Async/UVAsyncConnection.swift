/// A connection for a task. The task awaits its messages, and waits for room to send more.
///
///     try await UVListener.serve(at: "[::]:8081", framing: .lines) { client in
///         for try await line in client.messages {
///             try await client.send(line)
///         }
///     }
///
/// Any task and any thread may use it, so one task can read while others write. It costs least on
/// the connection's own loop. There the handler runs, also after it has awaited something
/// elsewhere. A task that runs elsewhere, such as a child task or an actor, hops to the loop for
/// each call.
///
/// When the handler returns, the connection is closed after everything that was sent has left.
/// After its end the connection stays valid: there are no more messages, and sending throws.
///
/// A task that does not ask for messages holds its peer back. At most one read of 64 KiB is kept.
/// After that nothing is received.
///
/// Every call that waits ends at once when its task is cancelled, and throws `CancellationError`.
public final class UVAsyncConnection: Identifiable, ParkingSlot, @unchecked Sendable {
    // Unchecked because only the loop's thread touches what is in it: each member is a constant, or
    // goes to the loop.
    //
    // The fields that each message uses come first.

    /// The closure that gets messages without a copy.
    var borrower: Borrower?
    @usableFromInline let base: UVConnection
    /// The task that waits for a message or for the end of the messages.
    var job: UnownedJob?
    /// A message that came and was not taken yet.
    var pending: [UInt8]?
    /// The error that the borrowing closure has thrown.
    var failure: (any Error)?
    /// The tasks that wait for something else than the next message, in the order they came.
    var waiters: [Waiter] = [] {
        didSet { hasWaiters = !waiters.isEmpty }
    }
    /// Each message looks at this. A look at the array would cost a check for exclusive access.
    private(set) var hasWaiters = false
    /// The task that handles the connection. Who cancels it also wakes it, so that its waits need
    /// no handler for that.
    var owner: TaskReference? {
        didSet { base.handle.isRead(by: owner, self) }
    }
    /// The relay that passes the messages on to another connection.
    var relay: Relay? {
        didSet {
            base.isStallExempt = relay != nil
            // The stall deadline starts or stops to apply.
            base.watch()
        }
    }

    /// The ``progress`` at which a relay was cut off. The greatest number if none was.
    var cutOffAt = UInt64.max

    /// A task that waits for something else than the next message.
    struct Waiter {
        enum Event {
            /// The queue falls to the low watermark.
            case room
            /// The connection ends.
            case end
            /// The task that waits for messages is done.
            case turn
        }

        let slot: TaskSlot
        let event: Event
    }

    init(_ connection: UVConnection) {
        base = connection
    }

    deinit {
        // What the connection refers to belongs to the loop's thread.
        loop.release(base)
    }

    /// The loop whose thread the connection belongs to.
    public var loop: UVLoop { base.loop }
    /// The connection's id within its listener or connector.
    public var id: UVConnection.ID { base.id }
    /// The other end's address.
    public var peer: UVEndpoint { base.peerEndpoint }

    /// The server of this client, with all of its loops. Nil for a connector's connection.
    public var server: UVServerHandle? { base.events.server.withLock { $0 } }

    /// The connection itself, with its counters, framing and options. Only this object gets its
    /// messages.
    ///
    /// Only the loop's thread may ask for it, as the handler does. On another thread it traps.
    public var connection: UVConnection {
        loop.confine("UVAsyncConnection.connection")
        return base
    }

    // MARK: - The end

    /// Finishes sending: after everything sent before, the peer is told that no more follows.
    ///
    /// It works as ``UVConnection/finish()`` does.
    public func finish() {
        onLoop { $0.finish() }
    }

    /// Closes the connection after everything that was sent before has left.
    ///
    /// It works as ``UVConnection/close()`` does. The end of the handler closes the connection, too.
    public func close() {
        onLoop { $0.close() }
    }

    /// Ends the connection at once. Queued bytes are lost, and the peer gets the error ECONNRESET.
    public func reset() {
        onLoop { $0.reset() }
    }

    /// Does something now if the caller is on the loop, and otherwise soon.
    private func onLoop(_ body: @escaping @Sendable (UVConnection) -> Void) {
        if loop.isOnLoop { return body(base) }
        loop.submitAlways { [self] in body(base) }
    }

    /// Waits until the connection has ended, and tells why.
    ///
    /// Any number of tasks may wait. The end of a peer's sending alone is no end: until the handler
    /// has returned, you may still send.
    ///
    /// - Returns: The reason.
    /// - Throws: `CancellationError` if the task is cancelled before.
    nonisolated(nonsending) public var ended: UVEndReason {
        get async throws { try await waitForEnd() }
    }

    nonisolated(nonsending) private func waitForEnd() async throws -> UVEndReason {
        guard loop.isHome(of: #isolation) else {
            return try await LoopScope(loop).run { try await self.waitForEnd() }
        }
        while !hasEnded {
            try Task.checkCancellation()
            _ = await wait(for: .end)
        }
        return base.state.reason ?? .closed
    }

    /// Whether the socket is closed.
    var hasEnded: Bool { base.sink == nil }

    /// Waits for an event, or for the end.
    ///
    /// - Returns: False if the task was cancelled first.
    nonisolated(nonsending) func wait(
        for event: Waiter.Event, in slot: TaskSlot = TaskSlot()
    ) async -> Bool {
        waiters.append(Waiter(slot: slot, event: event))
        await slot.waitUnlessCancelled(on: loop)
        guard let index = waiters.firstIndex(where: { $0.slot === slot }) else { return true }
        waiters.remove(at: index)
        return false
    }

    /// Wakes the tasks that wait for room, or all.
    func wakeWaiters(atEnd isEnd: Bool = false) {
        guard !waiters.isEmpty else { return }
        let all = waiters
        waiters = isEnd ? [] : all.filter { $0.event != .room }
        for waiter in all where isEnd || waiter.event == .room { waiter.slot.wake(on: loop) }
    }

}
