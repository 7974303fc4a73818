import Foundation
import UVSocketsTesting

@testable import UVSockets

/// A network in memory on a thread of its own, whose clients are sockets: what a test of tasks does on
/// the kernel's network it does on this one.
///
/// Its time passes as real time does, or more slowly where the machine is slow.
final class NetworkThread: Sendable {
    private typealias Command = @Sendable (UVTestNetwork) -> Cable?

    let loop: UVLoop
    private let commands = Locked<[Command]>([])
    private let isOver = Locked(false)
    private let hasEnded = Journal<Void>()

    init() async throws {
        let started = Journal<Result<UVLoop, any Error>>()
        let (commands, isOver, hasEnded) = (commands, isOver, hasEnded)
        Thread.detachNewThread {
            do {
                let network = try UVTestNetwork()
                started.append(.success(network.loop))
                Self.run(network, commands, until: isOver)
            } catch {
                started.append(.failure(error))
            }
            hasEnded.append(())
        }
        loop = try await started.arrival(of: 1)[0].get()
    }

    /// Makes a client.
    func connect(to endpoint: UVEndpoint, receiveBuffer: Int32? = nil) throws -> RawPeer {
        let (near, far) = try RawPeer.pair()
        // This buffer alone is between them.
        if let receiveBuffer { try far.set(SOL_SOCKET, SO_SNDBUF, receiveBuffer) }
        let answer = Journal<Result<Void, any Error>>()
        commands.withLock {
            $0.append { network in
                do {
                    let cable = try Cable(far, to: endpoint, of: network)
                    answer.append(.success(()))
                    return cable
                } catch {
                    answer.append(.failure(error))
                    return nil
                }
            }
        }
        try answer.first().get()
        return near
    }

    /// Ends the network, when nothing is on it any more.
    func finish() async throws {
        isOver.withLock { $0 = true }
        try await hasEnded.arrival(of: 1)
    }

    private static func run(
        _ network: UVTestNetwork, _ commands: Locked<[Command]>, until isOver: Locked<Bool>
    ) {
        var cables: [Cable] = []
        var last = ContinuousClock.now
        while !isOver.withLock({ $0 }) {
            let due = commands.withLock { commands in
                defer { commands = [] }
                return commands
            }
            cables += due.compactMap { $0(network) }
            // At most 1 ms at a time, so that no peer misses a deadline because the machine is slow.
            if ContinuousClock.now - last >= .milliseconds(1) {
                last = .now
                network.moveClock()
            }
            network.run()
            cables.removeAll { !$0.carry() }
            Cable.wait(for: cables)
        }
    }
}

extension UVTestNetwork {
    /// Moves the time by a millisecond, before what has come since is done.
    fileprivate func moveClock() {
        guard let clock = loop.network?.clock else { return }
        clock.move(to: clock.now + 1)
    }
}
