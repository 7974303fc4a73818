import Foundation
import UVSockets

/// Keeps many rude peers at it, on a thread of its own: some connect to the servers of the stress, others
/// are servers for its connectors.
final class RudePeers: Sendable {
    private let scene: Scene
    private let hasEnded = Guarded(false)

    init(_ scene: Scene) {
        self.scene = scene
        scene.begin("the thread of rude peers", hasEnded) { [self] in run() }
    }

    func end() {
        scene.wait(for: "the thread of rude peers", hasEnded)
    }

    private func run() {
        var random = scene.generator(for: "rude peers")
        var peers: [RudePeer] = []
        let doors = [1, 64, 64].compactMap { RawSocket(listening: $0) }
        for door in doors { scene.endpoints.withLock { _ = $0.add(endpoint(of: door)) } }
        while !scene.isOver {
            for door in doors where peers.count < 80 {
                if let socket = door.accept() { peers.append(RudePeer(socket, &random)) }
            }
            if peers.count < 40, let socket = connect(&random) {
                peers.append(RudePeer(socket, &random))
            }
            // The addresses of servers that have stopped push these out.
            if random.once(in: 100), let door = doors.first {
                scene.endpoints.withLock { _ = $0.add(endpoint(of: door)) }
            }
            peers.removeAll { !$0.step() }
            // The pace of the peers.
            usleep(2000)
        }
        while !peers.isEmpty { peers.removeAll { !$0.step() } }
        for door in doors { door.close() }
    }

    private func endpoint(of door: RawSocket) -> UVEndpoint {
        UVEndpoint(host: "127.0.0.1", port: door.port)
    }

    private func connect(_ random: inout SplitMix64) -> RawSocket? {
        let endpoint = scene.endpoints.withLock { $0.pick(&random) }
        return endpoint.flatMap { RawSocket(connectingTo: $0.port) }
    }
}
