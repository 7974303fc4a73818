public import UVSockets

/// A server for connectors under test. A test decides what it does.
///
/// It accepts every client at once, as a ``UVTestPeer``, until it is closed. If the object is
/// released, the port still listens, but nobody accepts the clients.
public final class UVTestServer {
    private let network: UVTestNetwork
    private let port: MemoryPort
    /// The clients that have connected, in their order. Those that have gone are among them.
    public private(set) var peers: [UVTestPeer] = []

    init(_ port: MemoryPort, of network: UVTestNetwork) {
        self.port = port
        self.network = network
        port.onArrival = { [weak self] in self?.accept() }
    }

    /// Where it listens.
    public var endpoint: UVEndpoint { port.endpoint }

    /// Whether it does not answer. A connector then waits until its own deadline.
    public var isSilent: Bool {
        get { port.isSilent }
        set { port.isSilent = newValue }
    }

    /// Stops listening. New clients are refused. The ``peers`` stay connected.
    public func close() {
        network.memory.close(port)
    }

    private func accept() {
        while let end = port.accept() { peers.append(UVTestPeer(end, of: network)) }
    }
}
