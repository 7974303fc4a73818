/// How a listener and its connections behave.
public struct UVListenerOptions: Sendable {
    /// How many clients there may be at a time, on all loops of a server together; nil for as many as
    /// the process may open descriptors, less 64 for everything else it does, and 16 for each loop
    /// beyond the first.
    ///
    /// Further clients wait in the kernel's backlog until one leaves; with ``UVBalance/kernel`` each
    /// loop has accepted one of those who wait. A limit above what the descriptors allow is lowered,
    /// with a warning in the log.
    public var maxConnections: Int?

    /// Who may become a client. By default everybody.
    public var admission: UVAdmission

    /// How many bytes may wait in the queues of all clients together; 1 GiB by default. Of several
    /// loops each has an equal share, for its own clients. A broadcast
    /// counts in each queue it waits in, although its bytes are there once.
    ///
    /// When there are more, the clients with the most queued bytes are reset, as
    /// ``UVEndReason/outboundBudgetExceeded``, until an eighth of the budget is free, and a warning is
    /// logged. Those that read are not affected.
    public var outboundBudget = 1 << 30

    /// Where the server listens besides the endpoint that it is given: at other addresses, names or
    /// Unix-domain sockets. None by default.
    ///
    /// It is one server all the same. Whoever comes by whichever endpoint is one of its clients, and all
    /// limits hold for them together. It listens at all of them or, where it cannot listen at one of
    /// them, at none. ``UVListener/localEndpoints`` tells them all.
    public var additionalEndpoints: [UVEndpoint] = []

    /// Whether a listener at an IPv6 address, such as `[::]`, takes IPv6 clients only. By default IPv4
    /// clients come to `[::]`, too. Where it is set, another listener may have the IPv4 addresses with
    /// the same port, and a machine without IPv6 refuses `[::]`. Of no effect at other addresses.
    public var isIPv6Only = false

    /// How each client's connection behaves.
    public var connection: UVConnectionOptions

    /// Describes a listener.
    ///
    /// - Parameters:
    ///   - maxConnections: How many clients there may be at a time; nil for as many as possible.
    ///   - admission: Who may become a client.
    ///   - connection: How each client's connection behaves.
    public init(
        maxConnections: Int? = nil, admission: UVAdmission = UVAdmission(),
        connection: UVConnectionOptions = .listener
    ) {
        self.maxConnections = maxConnections
        self.admission = admission
        self.connection = connection
    }
}
