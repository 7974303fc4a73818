#if ServiceLifecycle
    public import ServiceLifecycle
    public import UVSockets

    /// A client is a service: a `ServiceGroup` closes it after the services that use it.
    ///
    ///     let redis = try UVClient(to: "localhost:6379", framing: .lines)
    ///     let group = ServiceGroup(
    ///         services: [redis, server], gracefulShutdownSignals: [.sigterm],
    ///         logger: Logger(label: "main"))
    ///     try await group.run()
    ///
    /// Services shut down in the reverse order: here the server drains first, and its handlers may
    /// still ask.
    extension UVClient: Service {
        /// Waits until the group shuts down or its task is cancelled. Then it closes the client, as
        /// `close()` does.
        ///
        /// - Throws: `UVError` or `UVEndReason` if the client gives up: it cannot connect, or its
        ///   connection has ended, and it does not try again.
        public func run() async throws {
            defer { close() }
            try await withGracefulShutdownHandler {
                try await waitForEnd()
            } onGracefulShutdown: {
                self.close()
            }
        }
    }
#endif
