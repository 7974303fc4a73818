internal import DequeModule
internal import Logging

/// A listener whose clients are each served by a task of their own. It and the handlers run on the
/// loop's thread.
actor AsyncServer {
    typealias Handler =
        nonisolated(nonsending) @Sendable (UVAsyncConnection) async throws -> Void

    nonisolated let loop: UVLoop
    private let handler: Handler
    /// Clients that have been accepted, and whose task has not begun.
    private var arrivals: Deque<UVAsyncConnection> = []
    /// How many of those have no task yet.
    private var unattended = 0
    private let reception = TaskSlot()
    /// A client's task. Made once, for a task keeps its function as long as its client stays.
    private var clientTask: @isolated(any) @Sendable () async throws -> Void = {}
    /// The listener, until it has joined the server.
    private var listener: UVListener?
    private var isOver = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(on loop: UVLoop, _ handler: @escaping Handler) {
        self.loop = loop
        self.handler = handler
    }

    /// Makes the listener, which is told to listen by way of what this returns.
    func makeListener(_ settings: ServeSettings, part: ServerPart?) -> ListenerReference {
        let listener = UVListener(loop, settings.listening, part: part)
        self.listener = listener
        return ListenerReference(listener)
    }

    /// Makes the listener a part of the server.
    func join(_ server: UVServerHandle, _ settings: ServeSettings) {
        guard let listener = listener.take() else { return }
        listener.join(server) { listener in
            settings.setUp(listener)
            // Every message goes to a task.
            return { _, _ in }
        }
        listener.events.onBegun = { self.arrived($0) }
        let events = listener.events
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

    private func end() {
        isOver = true
        reception.wake(on: loop)
    }

    /// Serves until the listener has stopped and the clients are gone.
    func serveClients() async {
        clientTask = { [self] in await serveNext() }
        defer { clientTask = {} }
        do {
            // A group that may throw, because for another each task's function would be wrapped in one
            // that does.
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
            // One that is not immediate would begin by way of another thread: the function is not
            // isolated to the actor, though the method is that it calls.
            group.addImmediateTask(operation: clientTask)
        }
    }

    /// Serves a client from its arrival to the end of its handler.
    private func serveNext() async {
        guard let client = arrivals.popFirst() else { return }
        do {
            try await handler(client)
            client.end(.closed)
        } catch is UVEndReason {
            client.end(.closed)
        } catch {
            report(error, of: client)
            client.end(.handlerFailed)
        }
    }

    // Not inlined, so that a client's task keeps no room for it.
    @inline(never)
    private func report(_ error: any Error, of client: UVAsyncConnection) {
        guard !(error is CancellationError), let times = loop.throttles.handlerFailures.times()
        else { return }
        loop.logger.warning(
            "a handler has failed: \(error)",
            metadata: [
                "connection": "\(client.id)", "peer": "\(client.peer)", "times": "\(times)",
            ])
    }
}

/// What a server is told.
struct ServeSettings: Sendable {
    var listening: ListenSettings
    let loop: UVLoop?
    let loops: Int
    let balance: UVBalance
    let drainTime: Duration
    let onListening: @Sendable (UVServerHandle) -> Void
    let setUp: @Sendable (UVListener) -> Void
}
