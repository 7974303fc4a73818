/// What a connector is told when it is made.
struct ConnectSettings: Sendable {
    let endpoint: UVEndpoint
    /// The local address, where it is not left to the system.
    var local: UVEndpoint?
    var timeout = Duration.seconds(10)
    var framing = UVFraming.raw
    var options = UVConnectionOptions.connector
    var reconnect: UVReconnect?
    var queueLimit = UVConnector.defaultQueueLimit
    /// The endpoint's addresses, where they need not be looked up.
    var addresses: [SocketAddress]?
}
