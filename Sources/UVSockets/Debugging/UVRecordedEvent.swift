/// Something that happened to a connection, from ``UVConnection/history``.
public struct UVRecordedEvent: Sendable, CustomStringConvertible {
    package let record: FlightRecord

    package init(record: FlightRecord) {
        self.record = record
    }

    /// When it happened, since its loop was made. It is the time at which the loop's turn began.
    public var time: Duration { .milliseconds(record.milliseconds) }

    /// The id of the connection within its listener or connector.
    public var connection: UVConnection.ID { record.connection }

    /// What happened, in words.
    public var event: String {
        let (first, second) = (record.first, record.second)
        switch record.event {
        case .began: return first > 0 ? "connected, from port \(first)" : "connected"
        case .received: return "received \(first) bytes, behind \(second) others"
        case .sent:
            return second > 0
                ? "sent \(first) bytes, \(second) are queued" : "sent \(first) bytes"
        case .held: return "held: \(ReceiveHolds(rawValue: UInt8(truncatingIfNeeded: first)))"
        case .released:
            let others = ReceiveHolds(rawValue: UInt8(truncatingIfNeeded: second))
            let released = ReceiveHolds(rawValue: UInt8(truncatingIfNeeded: first))
            return others.isEmpty
                ? "no longer held: \(released)"
                : "no longer held: \(released), still held: \(others)"
        case .peerFinished: return "the peer has finished sending"
        case .ending: return "ending: \(Self.reason(first))"
        case .misframed:
            return "framing error at byte \(second), in the frame that begins at byte \(first)"
        case .failed: return "failed: \(UVError.Code(rawValue: Int32(truncatingIfNeeded: first)))"
        case .ended:
            let reason = Self.reason(first)
            return second > 0 ? "ended: \(reason), \(second) sent bytes lost" : "ended: \(reason)"
        case .slowHandler: return "its handler took \(first) ms"
        case nil: return "something that a newer version records"
        }
    }

    /// The time in seconds, and what happened.
    public var description: String {
        let milliseconds = String(record.milliseconds % 1000)
        let padding = String(repeating: "0", count: 3 - milliseconds.utf8.count)
        return "\(record.milliseconds / 1000).\(padding)\(milliseconds) s: \(event)"
    }

    private static func reason(_ number: UInt64) -> String {
        UVEndReason.Kind(rawValue: Int(truncatingIfNeeded: number)).map { "\($0)" } ?? "unknown"
    }
}

extension UVConnection {
    /// The last events of this connection that its loop still has, the oldest first. At most 32.
    ///
    /// Ask for them in `onDisconnected` to see how a connection came to its end. They are put
    /// together when you ask, from the 16,384 last events of the whole loop: that takes some ten
    /// microseconds. Empty if the loop does not record.
    public var history: [UVRecordedEvent] {
        loop.confine("UVConnection.history")
        return recentEvents
    }

    var recentEvents: [UVRecordedEvent] {
        let limit = UVLoop.historyLimit
        return (loop.recorder?.last(limit) { $0.isOf(self) } ?? []).map(UVRecordedEvent.init)
    }
}

extension UVLoop {
    /// How many events a connection's ``UVConnection/history`` has at most: 32.
    public static let historyLimit = 32

    /// The last events of all connections of this loop, the oldest first. Any thread may ask, also
    /// while the loop is blocked. Empty if the loop does not record.
    ///
    /// - Parameter limit: How many at most.
    /// - Returns: The events.
    public func recordedEvents(last limit: Int = 1000) -> [UVRecordedEvent] {
        (recorder?.last(max(0, limit)) ?? []).map(UVRecordedEvent.init)
    }
}

extension ReceiveHolds: CustomStringConvertible {
    /// The reasons, in words.
    var description: String {
        let names: [(ReceiveHolds, String)] = [
            (.paused, "paused by its user"), (.sendQueue, "its queue is above the high watermark"),
            (.rate, "it sent more than its rate allows"), (.turn, "it used up its share of a turn"),
            (.task, "its task has not asked for more"),
            (.finished, "its task gets no more, because the listener stops"),
            (.relay, "the other side of the relay takes no more"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
    }
}
