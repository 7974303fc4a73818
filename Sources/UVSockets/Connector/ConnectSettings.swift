/// The settings that a connector is made with.
struct ConnectSettings: Sendable {
    let endpoint: UVEndpoint
    /// The local address. Nil lets the system choose.
    var local: UVEndpoint?
    var timeout = Duration.seconds(10)
    var framing = UVFraming.raw
    var options = UVConnectionOptions.connector
    var reconnect: UVReconnect?
    var queueLimit = UVConnector.defaultQueueLimit
    /// The endpoint's addresses, if no lookup is needed.
    var addresses: [SocketAddress]?
}
