import ArgumentParser
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

    /// What became of messages that met a slow receiver.
    struct Counts {
        /// How often one was not sent to a receiver.
        var skipped = 0
        /// How often one took the place of an older one.
        var replaced = 0
        /// How many had to wait for a receiver.
        var waits = 0
    }

    private struct Waiting {
        let message: [UInt8]
        let sender: UVConnection
    }

    private let policy: Policy
    private(set) var counts = Counts()
    private var waiting: [Waiting] = []
    private var isGoingOn = false

    init(_ policy: Policy) {
        self.policy = policy
    }

    /// A message came.
    func pass(_ message: Span<UInt8>, from sender: UVConnection) {
        guard let listener = sender.listener else { return }
        if waiting.isEmpty {
            let receipt = listener.broadcast(message, to: .allBut(sender), slow: slow(for: sender))
            counts.skipped += receipt.skipped
            counts.replaced += receipt.replaced
            guard receipt.waitsFor > 0 else { return }
        }
        counts.waits += 1
        waiting.append(Waiting(message: [UInt8](copying: message), sender: sender))
        sender.pauseReceiving()
    }

    /// A receiver is slow no longer, or is gone.
    func goOn(_ listener: UVListener) {
        // To send can make another receiver fast.
        guard !isGoingOn else { return }
        isGoingOn = true
        defer { isGoingOn = false }
        while let next = waiting.first {
            let receipt = listener.broadcast(next.message, to: .allBut(next.sender), slow: .wait)
            guard receipt.waitsFor == 0 else { return }
            waiting.removeFirst()
            next.sender.resumeReceiving()
        }
    }

    /// Sends what waits to the slow ones, too: the server is about to stop.
    func finish(_ listener: UVListener) {
        for last in waiting { listener.broadcast(last.message, to: .allBut(last.sender)) }
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
