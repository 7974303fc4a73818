import ArgumentParser
import Synchronization
import UVSockets

/// Passes each message on to everybody but its sender.
///
/// Where all wait for the slowest, a message that cannot go yet is kept, and its sender is heard no
/// more until it has gone: no sender has more than one waiting.
final class Relay {
    /// What is done about a receiver that is slow.
    enum Policy: String, ExpressibleByArgument, CaseIterable {
        case disconnect, skip, wait
        case keepLatest = "keep-latest"
    }

    private struct Waiting {
        let message: [UInt8]
        let sender: UVConnection
    }

    private let policy: Policy
    private let isAlone: Bool
    private let waits: WaitCount
    private var waiting: [Waiting] = []
    private var isGoingOn = false

    init(_ policy: Policy, loops: Int, _ waits: WaitCount) {
        self.policy = policy
        self.waits = waits
        isAlone = loops == 1
    }

    /// A message came.
    func pass(_ message: Span<UInt8>, from sender: UVConnection) {
        guard let listener = sender.listener else { return }
        guard isAlone else {
            listener.remote.post(message, except: sender.id, whenSlow: slow(for: sender))
            return
        }
        if waiting.isEmpty {
            let receipt = listener.broadcast(
                message, to: .all(except: sender), whenSlow: slow(for: sender))
            guard receipt.waitsFor > 0 else { return }
        }
        waits.add()
        waiting.append(Waiting(message: [UInt8](message: message), sender: sender))
        sender.pauseReceiving()
    }

    /// A receiver is slow no longer, or is gone.
    func goOn(_ listener: UVListener) {
        // To send can make another receiver fast.
        guard !isGoingOn else { return }
        isGoingOn = true
        defer { isGoingOn = false }
        while let next = waiting.first {
            let receipt = listener.broadcast(
                next.message, to: .all(except: next.sender), whenSlow: .wait)
            guard receipt.waitsFor == 0 else { return }
            waiting.removeFirst()
            next.sender.resumeReceiving()
        }
    }

    /// Sends what waits to the slow ones, too: the server is about to stop.
    func finish(_ listener: UVListener) {
        for last in waiting { listener.broadcast(last.message, to: .all(except: last.sender)) }
        waiting = []
    }

    private func slow(for sender: UVConnection) -> UVSlowReceiver {
        switch policy {
        case .disconnect: .disconnect
        case .skip: .skip
        case .keepLatest: .keepLatest(key: "\(sender.id)")
        case .wait: .wait
        }
    }
}

/// How many messages have had to wait for a slow receiver.
final class WaitCount: Sendable {
    private let count = Atomic<UInt64>(0)

    var value: UInt64 { count.load(ordering: .relaxed) }

    func add() {
        count.add(1, ordering: .relaxed)
    }
}
