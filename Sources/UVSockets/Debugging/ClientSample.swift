/// What is listed of a client.
package struct ClientSample: Sendable {
    package let id: UVConnection.ID
    package let stats: UVConnectionStats
    private let address: SocketAddress

    fileprivate init(_ connection: UVConnection) {
        id = connection.id
        stats = connection.stats
        address = connection.peerAddress
    }

    /// The client's address.
    package var peer: UVEndpoint { address.endpoint }
}

/// All that is known of a client.
package struct ClientDetails: Sendable {
    package let sample: ClientSample
    /// The address of this end; nil if there is none.
    package let local: UVEndpoint?
    /// How its messages are divided, in words.
    package let framing: String
    /// Why nothing is received from it, in words; empty if something is.
    package let holds: String
    /// Whether it has finished sending.
    package let hasPeerFinished: Bool
    /// Why it ends; nil if it does not.
    package let ending: String?
    /// How many bytes have come of a message that is not complete.
    package let partialMessage: Int
    /// How many tasks its callbacks have started.
    package let tasks: Int
}

extension UVConnection {
    /// What is listed of it.
    package var sample: ClientSample { ClientSample(self) }

    /// Whether its socket is closed already.
    package var isGone: Bool { state.isClosed }
}

extension UVListener {
    /// All that is known of a client; nil if there is no client with this id.
    package func details(ofClient id: UVConnection.ID) -> ClientDetails? {
        loop.confine("UVListener.details")
        guard let client = clientTable[id] else { return nil }
        let codec = client.framing.codec
        return ClientDetails(
            sample: client.sample, local: client.localEndpoint,
            framing: codec.map {
                "\(type(of: $0)), messages of at most \($0.maximumLength) bytes"
            } ?? "none, bytes as they come",
            holds: client.holds.description, hasPeerFinished: client.state.hasPeerFinished,
            ending: client.state.reason.map { "\($0)" },
            partialMessage: codec == nil ? 0 : client.extras?.assembler.count ?? 0,
            tasks: client.extras?.tasks?.running.count ?? 0)
    }
}
