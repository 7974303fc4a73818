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
    private let reception = Berth()
    private var listener: UVListener?
    private var isOver = false
    private var failure: UVError?
    private var failures = LogThrottle()

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(on loop: UVLoop, _ handler: @escaping Handler) {
        self.loop = loop
        self.handler = handler
    }

    /// Serves until the task is cancelled or the listener stopped, and the clients are gone.
    ///
    /// - Throws: Why it could not listen.
    func serve(_ settings: ServeSettings) async throws(UVError) {
        let listener = makeListener(settings)
        self.listener = listener
        try listener.startAccept()
        await withTaskCancellationHandler {
            await serveClients()
        } onCancel: {
            loop.submitAlways {
                self.assumeIsolated { $0.stop(drainFor: settings.drainTime) }
            }
        }
        if let failure { throw failure }
    }

    private func makeListener(_ settings: ServeSettings) -> UVListener {
        var options = settings.options
        options.connection.allowsHalfOpen = true
        let listener = UVListener(
            loop, settings.endpoint, settings.backlog, settings.codec, options
        ) { client, message in
            client.session?.received(message)
        }
        listener.onListening = { $0.localEndpoint.map(settings.onListening) }
        listener.onConnected = { self.arrived($0) }
        listener.onDisconnected = { client, _ in client.session = nil }
        listener.onDrained = { $0.session?.drained() }
        listener.onPeerFinished = { $0.session?.receivingEnded() }
        listener.onFailed = { _, error in
            self.failure = error
            self.end()
        }
        return listener
    }

    private func arrived(_ connection: UVConnection) {
        let client = UVAsyncConnection(connection)
        connection.session = client
        arrivals.append(client)
        unattended += 1
        reception.wake(on: loop)
    }

    private func stop(drainFor time: Duration) {
        listener?.stop(drainFor: time) { _ in self.end() }
    }

    private func end() {
        isOver = true
        listener = nil
        reception.wake(on: loop)
    }

    private func serveClients() async {
        await withDiscardingTaskGroup { group in
            while !isOver || unattended > 0 {
                // A method rather than a closure: its task begins on the actor, not by way of
                // another thread.
                while unattended > 0 {
                    unattended -= 1
                    group.addTask(operation: serveNext)
                }
                if !isOver { await reception.wait() }
            }
            group.cancelAll()
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

    private func report(_ error: any Error, of client: UVAsyncConnection) {
        guard !(error is CancellationError), let times = failures.times() else { return }
        loop.logger.warning(
            "a handler has failed: \(error)",
            metadata: [
                "connection": "\(client.id)", "peer": "\(client.peer)", "times": "\(times)",
            ])
    }
}

/// What a server is told.
struct ServeSettings: Sendable {
    let endpoint: UVEndpoint
    let backlog: Int
    let codec: (any FrameCodec)?
    let options: UVListenerOptions
    let drainTime: Duration
    let onListening: @Sendable (UVEndpoint) -> Void
}
