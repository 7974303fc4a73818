import Testing
import UVSockets

@Suite("A handler that connects", .ownThreads, .timeLimit(.minutes(1)))
struct ProxyTests {
    /// What a proxy knows of one client.
    private final class Route {
        let upstream: UVConnector
        var waiting: [UInt8] = []

        init(_ client: UVConnection, to endpoint: UVEndpoint) {
            upstream = UVConnector(on: client.loop, to: endpoint) { _, message in
                client.send(message)
            }
            upstream.onConnected = { [unowned self] server in server.send(waiting) }
            upstream.onDisconnected = { _, _ in client.close() }
            upstream.onFailed = { _, _ in client.reset() }
        }
    }

    @Test("Each client's bytes go through a connection of its own, both ways")
    func proxy() throws {
        try withServer { upstream in
            let endpoint = upstream.endpoint
            try withServer(
                onMessage: { client, message in
                    guard let route = client.userToken as? Route else { return }
                    if let server = route.upstream.connection {
                        server.send(message)
                    } else {
                        route.waiting += Array(message: message)
                    }
                },
                configure: { listener in
                    listener.onConnected = { client in
                        let route = Route(client, to: endpoint)
                        client.userToken = route
                        try? route.upstream.startConnect()
                    }
                    listener.onDisconnected = { client, _ in
                        (client.userToken as? Route)?.upstream.connection?.close()
                        // The route keeps its client.
                        client.userToken = nil
                    }
                },
                body: { server in
                    let peers = try (0..<8).map { _ in try server.connect() }
                    for (number, peer) in peers.enumerated() {
                        let message = pattern(300_000, seed: UInt64(number))
                        try expect(peer.exchange(message), are: message)
                    }
                    for peer in peers { peer.close() }
                    try server.ended.wait(for: 8)
                    try upstream.ended.wait(for: 8)
                })
        }
    }
}
