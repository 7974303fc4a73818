internal import DequeModule
internal import Logging

/// The clients that a listener had last.
///
/// Good ends never push bad ones out: those have a list of their own.
final class EndedClients {
    /// How many of the last ends are kept, and how many of the last bad ends: 1,024 and 256.
    static let limit = 1024
    static let badLimit = 256
    /// How many bad ends a second keep their events. To find them takes some ten microseconds for
    /// each. When more clients end at once, one cause has probably ended them all.
    static let historiesPerSecond = 20
    /// How many bytes around a framing error the log gets at level `debug`.
    private static let loggedBytes = 32

    struct End {
        let id: UVConnection.ID
        let peer: SocketAddress
        let reason: UVEndReason
        let stats: UVConnectionStats
        /// When it ended, by the loop's time.
        let at: UInt64
        let history: [FlightRecord]
        let fault: UVFramingFault?
    }

    private var all: Deque<End> = []
    private var bad: Deque<End> = []
    private var second: UInt64 = 0
    private var historiesInSecond = 0

    func add(_ connection: UVConnection, _ reason: UVEndReason) {
        let isBad = reason.kind.isBad
        let end = End(
            id: connection.id, peer: connection.peerAddress, reason: reason,
            stats: connection.stats, at: connection.loop.now,
            history: isBad ? history(of: connection) : [], fault: connection.extras?.fault)
        Self.append(end, to: &all, limit: Self.limit)
        guard isBad else { return }
        Self.append(end, to: &bad, limit: Self.badLimit)
        log(end, on: connection.loop)
    }

    private static func append(_ end: End, to list: inout Deque<End>, limit: Int) {
        if list.isEmpty { list.reserveCapacity(limit) }
        if list.count == limit { list.removeFirst() }
        list.append(end)
    }

    private func history(of connection: UVConnection) -> [FlightRecord] {
        let now = connection.loop.now / 1000
        if now != second { (second, historiesInSecond) = (now, 0) }
        guard historiesInSecond < Self.historiesPerSecond, let recorder = connection.loop.recorder
        else { return [] }
        historiesInSecond += 1
        return recorder.last(UVLoop.historyLimit) { $0.isOf(connection) }
    }

    private func log(_ end: End, on loop: UVLoop) {
        guard loop.logger.logLevel <= .info, let times = loop.throttles.badEnds.times() else {
            return
        }
        let history = end.history.map { "\(UVRecordedEvent(record: $0))" }.joined(separator: "; ")
        var metadata: Logger.Metadata = [
            "client": "\(end.id)", "peer": "\(end.peer.endpoint)", "times": "\(times)",
            "history": "\(history)",
        ]
        if let fault = end.fault {
            metadata["place"] = "\(fault.place)"
            // They are the peer's, and may be secret.
            if loop.logger.logLevel <= .debug {
                metadata["bytes"] = "\(fault.escaped(atMost: Self.loggedBytes))"
            }
        }
        loop.logger.info("a client ended: \(end.reason)", metadata: metadata)
    }

    /// The ends, the latest first.
    func list(badOnly: Bool, now: UInt64) -> [UVEndedClient] {
        (badOnly ? bad : all).reversed().map { UVEndedClient($0, now: now) }
    }
}

extension UVEndReason.Kind {
    /// Whether it is an end that neither the peer nor this side has asked for.
    public var isBad: Bool {
        switch self {
        case .peerClosed, .closed, .reset, .kicked, .listenerStopped, .lifetimeOver, .idle: false
        case .peerReset, .peerVanished, .slowReceiver, .stalled, .outboundBudgetExceeded,
            .noFirstMessage, .messageTooSlow, .framing, .handlerFailed, .failed:
            true
        }
    }
}
