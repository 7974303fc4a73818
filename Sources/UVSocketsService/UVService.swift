#if ServiceLifecycle
    public import ServiceLifecycle
    public import UVSockets

    /// A server as a service: a `ServiceGroup` runs `UVListener.serve` beside other services.
    ///
    ///     let server = UVService(at: "[::]:8081", framing: .lines) { client in
    ///         for try await line in client.messages { try await client.send(line) }
    ///     }
    ///     let group = ServiceGroup(
    ///         services: [server], gracefulShutdownSignals: [.sigterm],
    ///         logger: Logger(label: "main"))
    ///     try await group.run()
    ///
    /// When the group shuts down gracefully, the server drains. Nobody is accepted any more, and
    /// the messages of each client end. What a handler sends after that still leaves. Handlers are
    /// not cancelled, and the service ends when the last one has returned. When the group's task is
    /// cancelled, the handlers are cancelled, too.
    public struct UVService: Service {
        private let drainTime: Duration
        private let goodbye: [UInt8]
        private let serve:
            @Sendable (@escaping @Sendable (UVServerHandle) -> Void) async throws -> Void

        /// Describes a server.
        ///
        /// - Parameters:
        ///   - endpoint: Where to listen. Port 0 takes a free port.
        ///   - backlog: How many clients the kernel accepts before the server does.
        ///   - framing: How the received bytes are divided into messages, such as `.lines`.
        ///   - options: How the server and its connections behave.
        ///   - loops: The number of loops, each with its own thread.
        ///   - balance: How clients are spread over the loops.
        ///   - drainTime: How long clients have after the group shuts down, before they are reset.
        ///     If the group has a `maximumGracefulShutdownDuration`, make that one longer.
        ///   - goodbye: The last message to every client when the group shuts down. By default it
        ///     is empty, and nothing is sent.
        ///   - onListening: Called once when the server listens, with its handle for other tasks.
        ///   - setUp: Called on each loop with its listener, before it listens.
        ///   - handler: Serves one client.
        public init(
            at endpoint: UVEndpoint, backlog: Int = 4096, framing: UVFraming = .raw,
            options: UVListenerOptions = UVListenerOptions(),
            loops: Int = 1, balance: UVBalance = .fewestClients,
            drainFor drainTime: Duration = .seconds(5), goodbye: [UInt8] = [],
            onListening: @escaping @Sendable (UVServerHandle) -> Void = { _ in },
            setUp: @escaping @Sendable (UVListener) -> Void = { _ in },
            handler:
                nonisolated(nonsending) @escaping @Sendable (UVAsyncConnection) async throws -> Void
        ) {
            self.drainTime = drainTime
            self.goodbye = goodbye
            serve = { opened in
                try await UVListener.serve(
                    at: endpoint, backlog: backlog, framing: framing, options: options,
                    loops: loops, balance: balance, drainFor: drainTime,
                    onListening: { server in
                        opened(server)
                        onListening(server)
                    }, setUp: setUp, handler: handler)
            }
        }

        /// Serves until the group shuts down or its task is cancelled.
        ///
        /// It returns when all handlers have returned.
        ///
        /// - Throws: `UVError` if the server cannot listen.
        public func run() async throws {
            let shutdown = Shutdown(drainTime, goodbye)
            try await withGracefulShutdownHandler {
                try await serve { shutdown.opened($0) }
            } onGracefulShutdown: {
                shutdown.begin()
            }
        }

        /// Stops the server once it listens and the group has asked for the stop, in either order.
        private final class Shutdown: Sendable {
            private let drainTime: Duration
            private let goodbye: [UInt8]
            private let state = Locked<(server: UVServerHandle?, isBegun: Bool)>((nil, false))

            init(_ drainTime: Duration, _ goodbye: [UInt8]) {
                self.drainTime = drainTime
                self.goodbye = goodbye
            }

            func opened(_ server: UVServerHandle) {
                let isBegun = state.withLock { state in
                    state.server = server
                    return state.isBegun
                }
                if isBegun { stop(server) }
            }

            func begin() {
                let server = state.withLock { state in
                    state.isBegun = true
                    return state.server
                }
                if let server { stop(server) }
            }

            private func stop(_ server: UVServerHandle) {
                // Not awaited here: `serve` returns when the stop is complete.
                Task { await server.stop(drainFor: drainTime, goodbye: goodbye) }
            }
        }
    }
#endif
