/// How a listener and its connections behave.
public struct UVListenerOptions: Sendable {
    /// How many clients there may be at a time, on all loops of a server together.
    ///
    /// Nil means the descriptor limit of the process minus 64, and minus 16 more for each loop
    /// after the first.
    ///
    /// Further clients wait in the kernel's backlog until a client leaves. With
    /// ``UVBalance/kernel`` each loop has already accepted one of the waiting clients. A limit
    /// above what the descriptors allow is lowered, with a warning in the log.
    public var maxConnections: Int?

    /// The rules for who may become a client. By default everybody may.
    public var admission: UVAdmission

    /// How many bytes may wait in the queues of all clients together. 1 GiB by default.
    ///
    /// With several loops, each loop has an equal share for its own clients. A broadcast counts in
    /// each queue it waits in, although its bytes are in memory only once.
    ///
    /// When there are more, the clients with the most queued bytes are reset with
    /// ``UVEndReason/outboundBudgetExceeded``, until an eighth of the budget is free. The log gets
    /// a warning. Clients that read what they are sent are not affected.
    public var outboundBudget = 1 << 30

    /// More endpoints where the server listens: addresses, names or Unix-domain sockets. None by
    /// default.
    ///
    /// It is still one server. Clients of all endpoints are its clients, and all limits hold for
    /// them together. It listens on all endpoints, or on none if one of them fails.
    /// ``UVListener/localEndpoints`` lists them all.
    public var additionalEndpoints: [UVEndpoint] = []

    /// Whether a listener on an IPv6 address, such as `[::]`, takes IPv6 clients only. False by
    /// default.
    ///
    /// If false, IPv4 clients can come to `[::]`, too. If true, another listener may have the IPv4
    /// addresses with the same port, and a machine without IPv6 refuses `[::]`. At other addresses
    /// it has no effect.
    public var isIPv6Only = false

    /// How each client's connection behaves.
    public var connection: UVConnectionOptions

    /// Describes a listener.
    ///
    /// - Parameters:
    ///   - maxConnections: How many clients there may be at a time. Nil means as many as possible.
    ///   - admission: The rules for who may become a client.
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
