/// How a ``UVConnector`` tries again where it could not connect, or its connection has ended.
///
///     let connector = UVConnector(
///         on: loop, to: "localhost:8081", reconnect: UVReconnect(maximumDelay: .seconds(5))
///     ) { server, message in … }
///
/// Before each attempt it waits for a time at random, from zero to a bound that begins with the
/// ``initialDelay`` and doubles with each attempt up to the ``maximumDelay``. The whole time is
/// random ("full jitter": Marc Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog
/// 2015), so that the clients of a server that has failed do not all come back in the same moment.
///
/// It goes on until you call ``UVConnection/close()`` or ``UVConnection/reset()`` on the connection,
/// or ``UVConnection/finish()`` before the server has finished, or ``UVConnector/cancel()``.
public struct UVReconnect: Sendable, Hashable {
    /// The bound of the first wait. 100 ms by default.
    public var initialDelay: Duration
    /// The most that the bound of a wait grows to. 30 seconds by default.
    public var maximumDelay: Duration
    /// How many times in a row it tries again before it gives up, from 0; nil, the default, tries for
    /// ever. A connection begins the row anew only once it was ``stableAfter``.
    public var attempts: Int?
    /// How long a connection must have lasted before the waits begin with the ``initialDelay``
    /// again. 5 seconds by default. Without it a server that accepts and drops would be asked ten
    /// times a second, by every client.
    public var stableAfter: Duration

    /// Describes how to try again.
    ///
    /// - Parameters:
    ///   - initialDelay: The bound of the first wait, above zero. A wait is at least 1 ms.
    ///   - maximumDelay: The most that the bound grows to, not below `initialDelay`.
    ///   - attempts: How many times in a row to try again, from 0; nil for ever.
    ///   - stableAfter: How long a connection must have lasted to begin anew.
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
