/// How a listener and its connections behave.
public struct UVListenerOptions: Sendable {
    /// How many clients there may be at a time; nil for as many as the process may open
    /// descriptors, less 64 for everything else it does.
    ///
    /// Further clients wait in the kernel's backlog until one leaves. A limit above what the
    /// descriptors allow is lowered, with a warning in the log.
    public var maxConnections: Int?

    /// Who may become a client. By default everybody.
    public var admission: UVAdmission

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
