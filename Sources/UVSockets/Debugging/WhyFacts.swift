/// What is known of a connection that may be stuck. A pure value: ``why`` decides from it, and from
/// nothing else. All times are in milliseconds.
struct WhyFacts {
    /// What the kernel knew at a moment.
    struct Sample: Sendable {
        let tcp: TCPState?
        /// How many bytes the kernel held that the peer had not acknowledged.
        let inKernel: Int
        let time: UInt64
    }

    /// Why it ends; nil while it does not.
    var ending: UVEndReason?
    var isClosed = false
    var isLingering = false
    var isOpening = false
    var age: UInt64 = 0
    /// How long ago something came.
    var quiet: UInt64 = 0

    var queued = 0
    /// For how long the kernel has taken none of the queued bytes.
    var stuck: UInt64?
    var unread = 0
    var kernel = Sample(tcp: nil, inKernel: 0, time: 0)
    /// An earlier sample, for what only a change shows.
    var earlier: Sample?

    var holds: ReceiveHolds = []
    var heldFor: UInt64?
    /// Where the user has paused it.
    var pausedAt: String?
    var rateWait: UInt64 = 0
    var stance: SinkStance?
    /// The other side of the relay, and why it takes no more.
    var otherSide: String?
    /// How many tasks its callbacks have started, and how many may run.
    var tasks = 0
    var taskLimit = 0

    /// How many bytes of an unfinished message have come, and how many it needs; nil if there is
    /// none.
    var part: (count: Int, needed: Int?)?
    /// In how long the connection ends because of the part, or of the missing first message.
    var partWait: UInt64?
    var firstMessageWait: UInt64?
    var stallWait: UInt64?
    var idleWait: UInt64?
    /// After how long without any sign a peer counts as gone.
    var patience: UInt64?

    /// The cause, and the sentences about it. The first cause that fits counts.
    var why: UVWhy {
        if let ending { return end(ending) }
        if isOpening {
            return UVWhy(
                .opening,
                "A layer has not opened the connection yet, \(words(age)) after it began."
                    + (firstMessageWait.map { " It ends in \(words($0))." } ?? ""))
        }
        return held ?? sending ?? elsewhere ?? partial ?? reading ?? nothing
    }

    // MARK: - The end

    private func end(_ reason: UVEndReason) -> UVWhy {
        if isClosed { return UVWhy(.ended, "It has ended: \(reason).") }
        if isLingering, queued == 0 {
            return UVWhy(
                .closing, "It is closing (\(reason)): everything has left, the peer has to close.")
        }
        let cause = sending.map { " " + $0.description } ?? ""
        return UVWhy(
            .closing, "It is closing (\(reason)): \(bytes(queued)) have still to leave.\(cause)")
    }

    // MARK: - What holds it back

    private var held: UVWhy? {
        let time = heldFor.map { " for \(words($0))" } ?? ""
        if holds.contains(.paused) {
            let place = pausedAt.map { " at \($0)" } ?? ""
            return UVWhy(
                .held, "We do not receive: pauseReceiving was called\(place)\(time.since).")
        }
        if holds.contains(.rate) {
            return UVWhy(
                .held,
                "We do not receive: it sent more than its rate allows. We do again in \(words(rateWait))."
            )
        }
        if holds.contains(.relay) {
            return UVWhy(
                .held,
                "We do not receive\(time): the other side of its relay takes no more\(otherSide ?? ".")"
            )
        }
        if holds.contains(.finished) {
            return UVWhy(.held, "It gets no more messages, because its listener stops.")
        }
        if holds.contains(.task), stance == nil {
            return UVWhy(
                .held,
                "We do not receive\(time): \(tasks) tasks of its messages run, and \(taskLimit) may (taskLimit)."
            )
        }
        return nil
    }

    private var elsewhere: UVWhy? {
        guard case .isElsewhere? = stance else { return nil }
        let waiting = part?.count ?? 0
        let pending = waiting + unread > 0 ? " \(bytes(waiting + unread)) wait for it." : ""
        return UVWhy(
            .taskElsewhere,
            "Its task awaits something else than its client, and has not asked for a message for at most \(words(heldFor ?? quiet)).\(pending)"
        )
    }

    private var partial: UVWhy? {
        guard let part else { return nil }
        // A shorter length may be that of the prefix alone.
        let needed = part.needed.map { $0 > 16 && $0 > part.count + 1 ? " of \($0)" : "" } ?? ""
        let count = needed.isEmpty ? bytes(part.count) : "\(part.count)\(needed) bytes"
        let end = (partWait ?? firstMessageWait).map { " It ends in \(words($0))." } ?? ""
        return UVWhy(
            .partialMessage, "It sent \(count) of a message, the last \(words(quiet)) ago.\(end)")
    }

    private var reading: UVWhy? {
        guard unread > 0 else { return nil }
        return UVWhy(.unread, "\(bytes(unread)) have come. The next turn of the loop reads them.")
    }

    private var nothing: UVWhy {
        var text = "Nothing waits. It has said nothing for \(words(quiet))."
        if let wait = firstMessageWait ?? idleWait { text += " It ends in \(words(wait))." }
        if case .awaitsEnd? = stance { text += " Its task waits for its end." }
        return UVWhy(.nothing, text)
    }

    // MARK: - What it sends

    /// Why bytes that were sent have not arrived; nil if there are none.
    var sending: UVWhy? {
        let inKernel = kernel.inKernel
        guard queued > 0 || inKernel > 0 else { return nil }
        var places: [String] = []
        if queued > 0 { places.append("\(bytes(queued)) wait here") }
        if inKernel > 0 { places.append("\(bytes(inKernel)) in the kernel") }
        let waiting = places.joined(separator: ", and ")
        let end = stallWait.map { " It is reset in \(words($0)) if that lasts." } ?? ""
        guard let tcp = kernel.tcp else {
            // A Unix-domain socket, or a connection in memory: nothing is lost on the way.
            return queued > 0
                ? UVWhy(.peerDoesNotRead, "Its program does not read: \(waiting).\(end)") : nil
        }
        if let silence = silence(tcp) {
            let gone = patience.map { " It counts as gone after \(words($0)) of silence." } ?? ""
            return UVWhy(
                .networkLoses,
                "The network loses, or its host is gone: \(silence). \(waiting).\(gone)")
        }
        if let closed = closedWindow(tcp) {
            return UVWhy(
                .peerDoesNotRead, "Its program does not read: \(closed). \(waiting).\(end)")
        }
        if let losses = losses(tcp) {
            return UVWhy(.networkLoses, "The network loses: \(losses). \(waiting).")
        }
        if let share = share({ $0.bufferLimited }), share >= 50 {
            return UVWhy(
                .sendBufferSmall,
                "Our kernel's send buffer is small for this path: it was the limit for \(share) % of the time (sendBufferSize). \(waiting)."
            )
        }
        // What has just left is no cause for anything.
        guard queued > 0 || tcp.sinceSent > 3 * tcp.roundTrip / 1000 + 1 || isInFlightForLong else {
            return nil
        }
        return UVWhy(
            .slowPath,
            "The path is slow: \(waiting).\(progress(tcp)) The round trip takes \(words(UInt64(tcp.roundTrip) / 1000))."
        )
    }

    /// Whether there were bytes in the kernel at the earlier sample, too.
    private var isInFlightForLong: Bool { (earlier?.inKernel ?? 0) > 0 }

    /// What shows that nobody answers; nil if somebody does.
    private func silence(_ tcp: TCPState) -> String? {
        let heard = "the last sign came \(words(UInt64(tcp.sinceAcknowledged))) ago"
        // Whoever is there answers a probe. The kernel forgets answered probes.
        if tcp.probes >= 2 { return "\(tcp.probes) probes have no answer, \(heard)" }
        guard tcp.retransmits > 0, tcp.unacknowledged > 0 else { return nil }
        // Whoever is there answers bytes that come again, even if it has no room for them.
        let isAnswerDue = UInt64(tcp.sinceSent) * 1000 > 2 * UInt64(tcp.roundTrip) + 1000
        guard isAnswerDue, tcp.sinceAcknowledged > tcp.sinceSent else { return nil }
        return "\(tcp.retransmits) times it sent again without an answer, \(heard)"
    }

    /// What shows that the peer has closed its window; nil if it has not.
    private func closedWindow(_ tcp: TCPState) -> String? {
        if let window = tcp.window {
            if window == 0 { return "its receive window is closed" }
        } else if tcp.probes > 0 {
            return "its receive window is closed"
        }
        if let share = share({ $0.windowLimited }), share >= 50 {
            return "its receive window was the limit for \(share) % of the time"
        }
        // Without a second look: it has been the limit for nearly all of the time so far.
        if earlier == nil, tcp.busy > 1_000_000, tcp.windowLimited > tcp.busy / 10 * 8,
            stuck ?? 0 > 200
        {
            return "its receive window was the limit nearly all the time"
        }
        // It drops what comes, because it has no room, and says so each time.
        if tcp.retransmits > 0, queued > 0 { return "it answers, but takes no more" }
        return nil
    }

    /// What shows that bytes are lost although others arrive; nil if none are.
    private func losses(_ tcp: TCPState) -> String? {
        let before = earlier?.tcp?.totalRetransmits ?? tcp.totalRetransmits
        let again = tcp.totalRetransmits - min(before, tcp.totalRetransmits)
        guard again > 1 || tcp.isRepairing && tcp.totalRetransmits > 0 else { return nil }
        return again > 1
            ? "\(again) segments were sent again in \(words(elapsed))"
            : "\(tcp.totalRetransmits) segments were sent again so far, the kernel repairs a loss now"
    }

    /// How many hundredths of the time between the samples something was the limit.
    private func share(_ limited: (TCPState) -> UInt64) -> UInt64? {
        guard let before = earlier?.tcp, let now = kernel.tcp, elapsed > 0 else { return nil }
        let time = limited(now) - min(limited(before), limited(now))
        return min(100, time / (10 * elapsed))
    }

    private var elapsed: UInt64 { earlier.map { kernel.time - min($0.time, kernel.time) } ?? 0 }

    private func progress(_ tcp: TCPState) -> String {
        guard let before = earlier?.tcp, elapsed > 0 else { return "" }
        let count = tcp.bytesAcknowledged - min(before.bytesAcknowledged, tcp.bytesAcknowledged)
        return " \(bytes(Int(clamping: count))) were acknowledged in \(words(elapsed))."
    }

    // MARK: - Words

    private func words(_ milliseconds: UInt64) -> String {
        Duration.milliseconds(Int64(clamping: milliseconds)).inWords
    }

    private func bytes(_ count: Int) -> String {
        switch count {
        case 1: "1 byte"
        case ..<10_240: "\(count) bytes"
        case ..<10_485_760: "\(count / 1024) KiB"
        default: "\(count / 1_048_576) MiB"
        }
    }
}

extension String {
    /// A time's words behind a place: `, 3 s ago`, from ` for 3 s`.
    fileprivate var since: String { isEmpty ? "" : ", \(dropFirst(5)) ago" }
}
