import Console
import UVSockets

/// A black box for a person.
struct TextReport {
    /// How many open clients are listed at most.
    private static let openLimit = 100

    let lines: [String]

    /// - Parameters:
    ///   - box: The box.
    ///   - events: The events to show.
    ///   - keys: The clients that are asked for.
    ///   - isWhole: Whether all clients are.
    init(_ box: Box, _ events: [UVRecordedEvent], _ keys: Set<Box.Key>, isWhole: Bool) {
        lines =
            Self.head(box)
            + (events.isEmpty
                ? [isWhole ? "no events" : "no events of such a client"]
                : events.map { event in
                    let time = Timestamp(box.content.wallTime(of: event))
                    return "\(time) \(Box.Key(event)) \(event.event)"
                })
            + Self.foot(box, keys)
    }

    private static func head(_ box: Box) -> [String] {
        let content = box.content
        let program = content.header.program
        let name = program.isEmpty ? "a program" : "\(Printable(Array(program.utf8)))"
        let process = "process \(content.header.process)"
        var lines: [String] = []
        lines.append("\(name), \(process), \(state(box))")
        lines.append("recorded since \(Timestamp(content.header.wallBegan)) UTC")
        if let last = content.events.last {
            lines.append("last event at \(Timestamp(content.wallTime(of: last))) UTC")
        }
        let kept = content.events.count
        lines.append("\(content.written) events, the last \(kept) are kept")
        lines += content.agents.map {
            "\($0.kind) \($0.number): \(Printable(Array($0.endpoint.utf8)))"
        }
        return lines + [""]
    }

    private static func state(_ box: Box) -> String {
        if box.isInUse { return "still runs" }
        return switch box.content.ending {
        case .closed: "has closed its loop in order"
        case .exited: "has ended by exit"
        case .none: "has crashed, or was killed"
        }
    }

    private static func foot(_ box: Box, _ keys: Set<Box.Key>) -> [String] {
        let open = box.openClients(keys)
        let verb = box.isInUse ? "is" : "was"
        guard !open.isEmpty else { return ["", "no client \(verb) open"] }
        let count =
            open.count == 1
            ? "1 client \(verb) open" : "\(open.count) clients \(box.isInUse ? "are" : "were") open"
        var lines = ["", "\(count):"]
        for key in open.prefix(openLimit) {
            guard let last = box.last(key) else { continue }
            lines.append(
                "\(key) last \(Timestamp(box.content.wallTime(of: last))): \(last.event)")
        }
        if open.count > openLimit { lines.append("and \(open.count - openLimit) others") }
        return lines
    }
}

/// A wall-clock time in UTC, such as `2026-11-28 05:00:55.123`.
struct Timestamp: CustomStringConvertible {
    let description: String

    /// - Parameter milliseconds: The time since 1970. It may be any number.
    init(_ milliseconds: UInt64) {
        let (seconds, fraction) = (milliseconds / 1000, milliseconds % 1000)
        // Until the year 9999.
        guard seconds < 253_402_300_800 else {
            description = "\(seconds) s after 1970"
            return
        }
        let (days, rest) = (Int(seconds / 86_400), Int(seconds % 86_400))
        let (year, month, day) = Self.date(days)
        let date = [Self.pad(year, 4), Self.pad(month, 2), Self.pad(day, 2)]
        let time = [rest / 3600, rest / 60 % 60, rest % 60].map { Self.pad($0, 2) }
        description =
            date.joined(separator: "-") + " " + time.joined(separator: ":") + "."
            + Self.pad(Int(fraction), 3)
    }

    private static func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    /// The date of a day, counted from 1970. A year here begins in March, so that its last day is
    /// the one that some years do not have.
    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let day = days + 719_468
        let (era, dayOfEra) = (day / 146_097, day % 146_097)
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let isInNextYear = month >= 10
        return (
            year + era * 400 + (isInNextYear ? 1 : 0), isInNextYear ? month - 9 : month + 3,
            dayOfYear - (153 * month + 2) / 5 + 1
        )
    }
}
