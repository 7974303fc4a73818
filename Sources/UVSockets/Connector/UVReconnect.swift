/// How a ``UVConnector`` tries again after a failed attempt, or after its connection has ended.
///
///     let connector = UVConnector(
///         on: loop, to: "localhost:8081", reconnect: UVReconnect(maximumDelay: .seconds(5))
///     ) { server, message in … }
///
/// Before each attempt it waits for a random time between zero and a bound. The bound starts at
/// ``initialDelay`` and doubles with each attempt, up to ``maximumDelay``. The whole time is random
/// ("full jitter": Marc Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog 2015). So
/// the clients of a failed server do not all come back at the same moment.
///
/// It goes on until you call ``UVConnector/cancel()``, or until you end the connection: by
/// ``UVConnection/close()``, by ``UVConnection/reset()``, or by ``UVConnection/finish()`` before
/// the server has finished.
public struct UVReconnect: Sendable, Hashable {
    /// The bound of the first wait. By default 100 ms.
    public var initialDelay: Duration
    /// The greatest bound of a wait. By default 30 seconds.
    public var maximumDelay: Duration
    /// How many times in a row it tries again before it gives up, from 0.
    ///
    /// Nil, the default, means for ever. A connection starts the count again only if it has lasted
    /// for ``stableAfter``.
    public var attempts: Int?
    /// How long a connection must last before the waits start at ``initialDelay`` again.
    ///
    /// By default 5 seconds. Without this, a server that accepts and drops connections would get
    /// ten attempts a second from every client.
    public var stableAfter: Duration

    /// Describes how to try again.
    ///
    /// - Parameters:
    ///   - initialDelay: The bound of the first wait, above zero. Each wait is at least 1 ms.
    ///   - maximumDelay: The greatest bound of a wait, not below `initialDelay`.
    ///   - attempts: How many times in a row to try again, from 0. Nil means for ever.
    ///   - stableAfter: How long a connection must last before the waits start again.
    public init(
        initialDelay: Duration = .milliseconds(100), maximumDelay: Duration = .seconds(30),
        attempts: Int? = nil, stableAfter: Duration = .seconds(5)
    ) {
        self.initialDelay = initialDelay
        self.maximumDelay = maximumDelay
        self.attempts = attempts
        self.stableAfter = stableAfter
    }
}
