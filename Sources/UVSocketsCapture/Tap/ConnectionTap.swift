internal import UVSockets

/// Writes down what one connection does, for one tap.
final class ConnectionTap: Tap {
    /// After so many bytes an acknowledgement follows, if no bytes of the other side carry it.
    private static let acknowledgedAfter: UInt64 = 64 * 1024
    /// What takes less is not worth a comment: a millisecond.
    private static let notable: UInt64 = 1_000_000

    private let queue: TapQueue
    private let memoryTime: Bool
    private let flow: Flow
    private weak var part: TapPart?
    private let headers: Int
    private let longestPayload: Int

    /// How far each stream has come: bytes, one more for the SYN, and one more for the FIN.
    private var incoming: UInt64
    private var outgoing: UInt64
    /// How far the last packet of the other side has acknowledged each stream, and how far the peer
    /// is known to have acknowledged ours.
    private var incomingShown: UInt64
    private var outgoingShown: UInt64
    private var outgoingKnown: UInt64
    private var hasBegun = false
    private var isWindowSmaller = false
    /// How many bytes of both streams were dropped since the last record.
    private var dropped = 0

    private var hasPeerFinished = false
    private var hasFinished = false
    private var failure: UVError.Code?
    private var closing: (byReset: Bool, bytesUnacknowledged: Int)?

    private var handlingSince: UInt64 = 0
    private var messagesBefore: UInt64 = 0
    private var heldSince: [String: UInt64] = [:]

    init(_ connection: UVConnection, of part: TapPart, _ queue: TapQueue) {
        self.queue = queue
        self.part = part
        memoryTime = connection.memoryTime != nil
        connection.flushForTap()
        flow = Flow(connection, number: queue.nextFlow())
        headers = TCPPacket.headers(isIPv6: flow.peer.isIPv6)
        longestPayload = TCPPacket.longestPayload(isIPv6: flow.peer.isIPv6)
        incoming = connection.bytesReceived + 1
        outgoing = connection.bytesSent + 1
        (incomingShown, outgoingShown, outgoingKnown) = (incoming, outgoing, outgoing)
    }

    /// Begins to write, unless it has begun. If there was no room at the begin, it begins later, in
    /// the middle.
    @discardableResult
    func start(_ connection: UVConnection) -> Bool {
        guard !hasBegun else { return true }
        var comment = flow.name
        if incoming > 1 || outgoing > 1 {
            comment +=
                ": the tap began in the middle, after \(incoming - 1) bytes received and "
                + "\(outgoing - 1) sent"
            let (queued, holds) = (connection.bytesQueued, connection.holdsInWords)
            if queued > 0 { comment += "; \(queued) bytes are queued" }
            if !holds.isEmpty { comment += "; held: \(holds)" }
        }
        let isOut = !flow.isIncoming
        let record = TapRecord(
            flow: flow, kind: .begin, isOut: isOut, sequence: (isOut ? outgoing : incoming) - 1,
            acknowledged: (isOut ? incoming : outgoing) - 1, comment: comment)
        let nothing: [UInt8] = []
        hasBegun = append(record, nothing.span, connection)
        (incomingShown, outgoingShown, outgoingKnown) = (incoming, outgoing, outgoing)
        guard hasBegun else { return false }
        if connection.hasPeerFinished { peerFinished(connection) }
        if connection.hasSentEnd { finished(connection) }
        return true
    }

    // MARK: - Bytes

    func received(_ bytes: Span<UInt8>, by connection: UVConnection) {
        if start(connection) {
            noteAcknowledged(connection)
            write(bytes, isOut: false, connection)
            if incoming - incomingShown >= Self.acknowledgedAfter {
                write(.acknowledgement, isOut: true, connection)
            }
        } else {
            incoming += UInt64(bytes.count)
        }
        handlingSince = steadyNanoseconds()
        messagesBefore = connection.messageCount
    }

    func sent(_ bytes: Span<UInt8>, by connection: UVConnection) {
        guard start(connection) else {
            outgoing += UInt64(bytes.count)
            return
        }
        write(bytes, isOut: true, connection)
        guard outgoing - outgoingShown >= Self.acknowledgedAfter else { return }
        noteAcknowledged(connection)
        if outgoingKnown > outgoingShown { write(.acknowledgement, isOut: false, connection) }
    }

    /// Learns how much the peer has acknowledged, until the socket is closed.
    private func noteAcknowledged(_ connection: UVConnection) {
        guard closing == nil else { return }
        noteUnacknowledged(connection.wireUnacknowledged)
    }

    private func noteUnacknowledged(_ count: Int) {
        let outstanding = min(outgoing, UInt64(max(0, count)))
        outgoingKnown = max(outgoingKnown, outgoing - outstanding)
    }

    private func write(_ bytes: Span<UInt8>, isOut: Bool, _ connection: UVConnection) {
        var start = 0
        while start < bytes.count {
            let end = min(start + longestPayload, bytes.count)
            let piece = bytes.extracting(start..<end)
            let kept = min(piece.count, max(0, queue.snapLength - headers))
            var record = record(.data(endsChunk: end == bytes.count), isOut: isOut)
            record.length = piece.count
            if kept < piece.count {
                var sum = Checksum()
                sum.add(piece)
                record.sum = sum.folded
            }
            if isOut { outgoing += UInt64(piece.count) } else { incoming += UInt64(piece.count) }
            if !append(record, piece.extracting(..<kept), connection) { dropped += piece.count }
            start = end
        }
    }

    // MARK: - Other events

    func happened(_ event: WireEvent, to connection: UVConnection) {
        switch event {
        case .handled: handled(connection)
        case .held(let why, let isBrief):
            heldSince[why] = now(connection)
            if !isBrief { comment("held: \(why)", connection) }
        case .released(let why, let isBrief): released(why, isBrief, connection)
        case .peerFinished: if start(connection) { peerFinished(connection) }
        case .finished: if start(connection) { finished(connection) }
        case .failed(let code): failure = failure ?? code
        case .closing(let byReset, let bytesUnacknowledged):
            noteUnacknowledged(bytesUnacknowledged)
            closing = (byReset, bytesUnacknowledged)
        case .ended(let reason, let bytesQueued): ended(reason, bytesQueued, connection)
        }
    }

    private func handled(_ connection: UVConnection) {
        let took = steadyNanoseconds() - handlingSince
        guard took >= Self.notable else { return }
        let messages = connection.messageCount - messagesBefore
        comment("the handler took \(duration(took)) for \(messages) messages", connection)
    }

    private func released(_ why: String, _ isBrief: Bool, _ connection: UVConnection) {
        let since = heldSince.removeValue(forKey: why)
        let took = since.map { now(connection) - $0 }
        if isBrief, took ?? 0 < Self.notable { return }
        let time = took.map { " after \(duration($0))" } ?? ""
        comment("no longer held\(time): \(why)", connection)
    }

    private func peerFinished(_ connection: UVConnection) {
        guard !hasPeerFinished else { return }
        hasPeerFinished = true
        noteAcknowledged(connection)
        write(.finish, isOut: false, connection)
    }

    private func finished(_ connection: UVConnection) {
        guard !hasFinished else { return }
        hasFinished = true
        write(.finish, isOut: true, connection)
    }

    private func ended(_ reason: UVEndReason, _ bytesQueued: Int, _ connection: UVConnection) {
        defer { part?.ended(self, connection) }
        guard start(connection) else { return }
        var text = "ended: \(reason)"
        // The end of the stream counts as one of them.
        let left = (closing?.bytesUnacknowledged ?? 0) - (hasFinished ? 1 : 0)
        if left > 0 { text += "; the peer had not acknowledged the last \(left) bytes" }
        if bytesQueued > 0 {
            text += "; \(bytesQueued) bytes were queued and are lost"
        }
        if failure?.isPeerGone == true || reason == .peerReset {
            write(.reset, isOut: false, connection, text)
        } else if reason == .peerVanished || failure == .timedOut || failure == .hostUnreachable {
            comment(text, connection)
        } else if closing?.byReset == true {
            write(.reset, isOut: true, connection, text)
        } else if !hasFinished {
            hasFinished = true
            write(.finish, isOut: true, connection, text)
        } else if outgoingKnown > outgoingShown {
            write(.acknowledgement, isOut: false, connection, text)
        } else {
            comment(text, connection)
        }
    }

    // MARK: - Writing down

    /// Writes a comment on an acknowledgement of this side. If that acknowledges nothing new, it
    /// changes the window by one unit, so that it is not taken for a packet that was sent twice.
    private func comment(_ text: String, _ connection: UVConnection) {
        guard start(connection) else { return }
        write(.acknowledgement, isOut: true, connection, text)
    }

    private func write(
        _ kind: TapRecord.Kind, isOut: Bool, _ connection: UVConnection, _ comment: String? = nil
    ) {
        var record = record(kind, isOut: isOut)
        if case .acknowledgement = kind, isOut, incoming == incomingShown {
            isWindowSmaller.toggle()
            record.window = window
        }
        record.comment = comment
        if case .finish = kind {
            if isOut { outgoing += 1 } else { incoming += 1 }
        }
        let nothing: [UInt8] = []
        _ = append(record, nothing.span, connection)
    }

    private var window: UInt16 { isWindowSmaller ? .max - 1 : .max }

    private func record(_ kind: TapRecord.Kind, isOut: Bool) -> TapRecord {
        TapRecord(
            flow: flow, kind: kind, isOut: isOut, sequence: isOut ? outgoing : incoming,
            acknowledged: isOut ? incoming : outgoingKnown, window: isOut ? window : .max)
    }

    private func append(
        _ record: TapRecord, _ bytes: Span<UInt8>, _ connection: UVConnection
    ) -> Bool {
        var record = record
        if dropped > 0 {
            let text = "\(dropped) bytes of the streams were dropped before: the tap was full"
            record.comment = record.comment.map { "\($0); \(text)" } ?? text
        }
        record.comment = record.comment.map { printable($0) }
        guard queue.append(record, bytes, at: connection.memoryTime) else { return false }
        dropped = 0
        if record.isOut {
            incomingShown = record.acknowledged
        } else {
            outgoingShown = record.acknowledged
        }
        return true
    }

    private func now(_ connection: UVConnection) -> UInt64 {
        memoryTime ? connection.memoryTime ?? 0 : steadyNanoseconds()
    }
}
