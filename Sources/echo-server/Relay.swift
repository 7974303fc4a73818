import ArgumentParser
import Synchronization
import UVSockets

/// Passes each message on to everybody except its sender.
///
/// With `wait`, a message that cannot be sent yet is kept, and its sender is paused until it is
/// sent. So each sender has at most one waiting message.
final class Relay {
    /// What to do with a slow receiver.
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

    /// A receiver is not slow any more, or is gone.
    func goOn(_ listener: UVListener) {
        // Sending can make another receiver fast, which calls this again.
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

    /// Sends the waiting messages to slow receivers, too, because the server is about to stop.
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

/// How many messages had to wait for a slow receiver.
final class WaitCount: Sendable {
    private let count = Atomic<UInt64>(0)

    var value: UInt64 { count.load(ordering: .relaxed) }

    func add() {
        count.add(1, ordering: .relaxed)
    }
}
