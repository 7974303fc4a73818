#if ServiceLifecycle
    public import ServiceLifecycle
    public import UVSockets

    /// A server is a service: a `ServiceGroup` runs it beside other services.
    ///
    ///     let server = UVServer(at: "[::]:8081", framing: .lines) { client in
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
    extension UVServer: Service {
        /// Serves until the group shuts down or its task is cancelled.
        ///
        /// It returns when all handlers have returned. If the group has a
        /// `maximumGracefulShutdownDuration`, make that one longer than the `drainTime`.
        ///
        /// - Throws: `UVError` if the server cannot listen.
        public func run() async throws {
            let shutdown = Shutdown(drainTime, goodbye)
            var server = self
            server.onListening = { [onListening] in
                shutdown.opened($0)
                onListening($0)
            }
            try await withGracefulShutdownHandler { [server] in
                try await server.run(stoppingOn: [])
            } onGracefulShutdown: {
                shutdown.begin()
            }
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
            // Not awaited here: the run returns when the stop is complete.
            Task { await server.stop(drainFor: drainTime, goodbye: goodbye) }
        }
    }
#endif
