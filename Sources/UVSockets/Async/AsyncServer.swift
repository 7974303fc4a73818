internal import DequeModule

/// A listener that serves each client in a task of its own, or by callbacks. The listener and the
/// handlers run on the loop's thread.
actor AsyncServer {
    nonisolated let loop: UVLoop
    private let service: UVServer.Service
    /// Accepted clients whose task has not started yet.
    private var arrivals: Deque<UVAsyncConnection> = []
    /// How many accepted clients have no task yet.
    private var unattended = 0
    private let reception = TaskSlot()
    /// The function of each client's task. It is made once, because a task retains its function as
    /// long as its client stays.
    private var clientTask: @isolated(any) @Sendable () async throws -> Void = {}
    /// The listener. Nil once it has joined the server.
    private var listener: UVListener?
    private var watches: [UVSignalWatch] = []
    private var isOver = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(on loop: UVLoop, _ service: UVServer.Service) {
        self.loop = loop
        self.service = service
    }

    /// Makes the listener. The returned reference is used to start it.
    func makeListener(_ settings: ListenSettings, part: ServerPart?) -> ListenerReference {
        let listener = UVListener(loop, settings, part: part)
        self.listener = listener
        return ListenerReference(listener)
    }

    /// Makes the listener a part of the server.
    func join(_ server: UVServerHandle, _ setUp: @Sendable (UVListener) -> Void) {
        guard let listener = listener.take() else { return }
        listener.join(server) { listener in
            setUp(listener)
            if case .callbacks(let makeHandler) = service { return makeHandler(listener) }
            // The sink gets every message, so this handler is never called.
            return { _, _ in }
        }
        if case .task = service { listener.events.onBegun = { self.arrived($0) } }
        let events = listener.events
        events.server.withLock { $0 = server }
        loop.beginTiming(events)
        listener.onStopped = { [loop] in
            loop.endTiming(events)
            self.end()
        }
    }

    private func arrived(_ connection: UVConnection) {
        let client = UVAsyncConnection(connection)
        connection.sink = client
        arrivals.append(client)
        unattended += 1
        reception.wake(on: loop)
    }

    /// Lets signals stop the server: the first one gracefully, the second one at once.
    func stop(
        _ server: UVServerHandle, on signals: [UVSignal], drainFor time: Duration,
        _ goodbye: [UInt8]
    ) async throws(UVError) {
        var isStopping = false
        do throws(UVError) {
            for signal in signals {
                let watch = try loop.on(signal) {
                    server.beginStop(drainFor: isStopping ? .zero : time, goodbye: goodbye)
                    isStopping = true
                }
                if isOver { watch.cancel() } else { watches.append(watch) }
            }
        } catch {
            await server.stop(drainFor: .zero)
            throw error
        }
    }

    private func end() {
        isOver = true
        for watch in watches { watch.cancel() }
        watches = []
        reception.wake(on: loop)
    }

    /// Serves until the listener has stopped and the clients are gone.
    func serveClients() async {
        clientTask = { [self] in await serveNext() }
        defer { clientTask = {} }
        do {
            // A group that may throw, because another kind would wrap each task's function in one
            // that throws.
            try await withThrowingDiscardingTaskGroup { group in
                while !isOver || unattended > 0 {
                    addTasks(to: &group)
                    if !isOver { await reception.wait(on: loop) }
                }
                group.cancelAll()
            }
        } catch {
            preconditionFailure("a client's task has thrown: \(error)")
        }
    }

    private func addTasks(to group: inout ThrowingDiscardingTaskGroup<any Error>) {
        while unattended > 0 {
            unattended -= 1
            // An immediate task starts on this thread. Another one would start by way of a second
            // thread, because its function is not isolated to the actor, although the method that
            // it calls is.
            group.addImmediateTask(operation: clientTask)
        }
    }

    /// Serves one client from its arrival to the end of its handler.
    private func serveNext() async {
        guard let client = arrivals.popFirst(), case .task(let handler) = service else { return }
        client.owner = .current
        defer { client.owner = nil }
        do {
            try await handler(client)
            client.end(.closed)
        } catch is UVEndReason {
            client.end(.closed)
        } catch {
            client.end(reason(for: error, of: client))
        }
    }

    // Not inlined, so that a client's task needs no memory for it.
    @inline(never)
    private func reason(for error: any Error, of client: UVAsyncConnection) -> UVEndReason {
        if let error = error as? UVError, error.code == .timedOut,
            error.call == UVAsyncConnection.receiving
        {
            return .idle
        }
        client.base.report(error)
        return .handlerFailed
    }
}
