package import UVSockets

/// A listener's counts as text for a person, one per line and aligned. Some counts are left out
/// when they are zero.
package struct Statistics: CustomStringConvertible {
    private struct Row {
        let label: String
        let count: UInt64
        var remark = ""
    }

    private var rows: [Row] = []

    /// - Parameters:
    ///   - stats: The counts.
    ///   - further: Further counts of the program. Those that are 0 are left out.
    package init(
        _ stats: UVListenerStats, further: [(label: String, count: UInt64)] = []
    ) {
        rows.append(
            Row(
                label: "clients", count: UInt64(stats.clients),
                remark: " of at most \(stats.maxConnections)"))
        always("peak", UInt64(stats.peakClients))
        always("accepted", stats.accepted)
        happened("refused", UInt64(stats.refusals.total))
        happened("  denied", UInt64(stats.refusals.denied))
        happened("  too many from one address", UInt64(stats.refusals.perAddress))
        happened("  too many in a second", UInt64(stats.refusals.rate))
        happened("  too many clients", UInt64(stats.refusals.full))
        happened("accept failures", UInt64(stats.acceptFailures))
        always("bytes in", stats.bytesReceived)
        always("bytes out", stats.bytesSent)
        always("bytes queued", UInt64(stats.bytesQueued))
        always("messages in", stats.messagesReceived)
        happened("skipped for slow clients", stats.skips)
        happened("replaced by later messages", stats.replacements)
        for count in further { happened(count.label, count.count) }
        happened("held back by the rate", stats.rateHolds)
        happened("receive budget used up", stats.turnsUsedUp)
        happened("slow handlers", stats.slowHandlers)
        happened("ended for the outbound budget", stats.evictions)
        happened("ended", stats.ends.values.reduce(0, +))
        for kind in UVEndReason.Kind.allCases {
            happened("  \(Self.words(kind))", stats.ends[kind, default: 0])
        }
    }

    private mutating func always(_ label: String, _ count: UInt64) {
        rows.append(Row(label: label, count: count))
    }

    private mutating func happened(_ label: String, _ count: UInt64) {
        if count > 0 { always(label, count) }
    }

    /// Turns `peerClosed` into `peer closed`.
    private static func words(_ kind: UVEndReason.Kind) -> String {
        "\(kind)".map { $0.isUppercase ? " \($0.lowercased())" : "\($0)" }.joined()
    }

    package var description: String {
        let labels = rows.map(\.label.count).max() ?? 0
        let digits = rows.map { "\($0.count)".count }.max() ?? 0
        return rows.map { row in
            let gap = labels - row.label.count + 2 + digits - "\(row.count)".count
            return row.label + String(repeating: " ", count: gap) + "\(row.count)\(row.remark)"
        }.joined(separator: "\n")
    }
}
