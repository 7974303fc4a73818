#if ServiceLifecycle
    public import ServiceLifecycle
    public import UVSockets

    /// A server as a service: what `UVListener.serve` does, run by a `ServiceGroup` beside others.
    ///
    ///     let server = UVService(at: "[::]:8081", framing: .lines) { client in
    ///         for try await line in client.messages { try await client.send(line) }
    ///     }
    ///     let group = ServiceGroup(
    ///         services: [server], gracefulShutdownSignals: [.sigterm], logger: Logger(label: "main"))
    ///     try await group.run()
    ///
    /// When the group shuts down gracefully, the server drains: nobody is accepted any more, the messages
    /// of each client end, and what its handler sends then still leaves. Handlers are not cancelled, and
    /// the service ends when the last has returned. When the group's task is cancelled, they are.
    public struct UVService: Service {
        private let drainTime: Duration
        private let goodbye: [UInt8]
        private let serve:
            @Sendable (@escaping @Sendable (UVServerHandle) -> Void) async throws -> Void

        /// Describes a server.
        ///
        /// - Parameters:
        ///   - endpoint: Where to listen; port 0 takes a free port.
        ///   - backlog: How many clients the kernel accepts ahead of the server.
        ///   - framing: How the bytes are divided into messages, such as `.lines`.
        ///   - options: How the server and its connections behave.
        ///   - loops: On how many loops, each on a thread of its own.
        ///   - balance: How clients are spread over the loops.
        ///   - drainTime: How long clients have, once the group shuts down, before they are reset. Where the
        ///     group has a `maximumGracefulShutdownDuration`, let that be longer.
        ///   - goodbye: The last message to every client when the group shuts down. An empty one, the
        ///     default, is not sent.
        ///   - onListening: Called once it listens, with the server for other tasks.
        ///   - setUp: Called on each loop with its listener, before it listens.
        ///   - handler: Serves a client.
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

        /// Serves until the group shuts down, or the task is cancelled, and all handlers have returned.
        ///
        /// - Throws: `UVError` where it cannot listen.
        public func run() async throws {
            let shutdown = Shutdown(drainTime, goodbye)
            try await withGracefulShutdownHandler {
                try await serve { shutdown.opened($0) }
            } onGracefulShutdown: {
                shutdown.begin()
            }
        }

        /// Stops the server once both have happened: it listens, and it is to stop.
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
                // Its end is that of `serve`, which is awaited.
                Task { await server.stop(drainFor: drainTime, goodbye: goodbye) }
            }
        }
    }
#endif
