public import UVSockets

/// A server for connectors under test: a test says what it does.
///
/// It accepts every client at once, as a ``UVTestPeer``, until it is closed. Where nobody keeps this object, it
/// still listens, and clients wait to be accepted.
public final class UVTestServer {
    private let network: UVTestNetwork
    private let port: MemoryPort
    /// Those who have connected, in their order, also those that have gone again.
    public private(set) var peers: [UVTestPeer] = []

    init(_ port: MemoryPort, of network: UVTestNetwork) {
        self.port = port
        self.network = network
        port.onArrival = { [weak self] in self?.accept() }
    }

    /// Where it listens.
    public var endpoint: UVEndpoint { port.endpoint }

    /// Whether it does not answer: whoever connects waits until a deadline of its own.
    public var isSilent: Bool {
        get { port.isSilent }
        set { port.isSilent = newValue }
    }

    /// Listens no more: whoever connects is refused. Its ``peers`` stay connected.
    public func close() {
        network.memory.close(port)
    }

    private func accept() {
        while let end = port.accept() { peers.append(UVTestPeer(end, of: network)) }
    }
}
