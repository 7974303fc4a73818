import Console
import UVSockets

/// The commands of an operator.
enum Command: Equatable {
    case list, stats, help, quit
    case kick(UVConnection.ID)
    case broadcast(String)
    /// Those that ended badly, those that ended for a reason, or all.
    case ended(Ends)
    case recorder(UVConnection.ID)

    enum Ends: Equatable {
        case all, bad
        case reason(UVEndReason.Kind)
    }

    static let usage = """
        list            the clients: id, address, age, bytes in, out and queued
        ended           the clients that ended last; `ended bad` or `ended stalled` for some
        recorder ID     the last events of a client, also of one that has gone
        kick ID         send a client away
        broadcast TEXT  send a line to every client
        stats           the counts since the start, and the current state
        help            this
        quit            stop the server
        """

    /// Says what is wrong with a line, and what to do.
    struct Unknown: Error, CustomStringConvertible {
        let description: String
    }

    /// Reads a line. Nil if it is blank.
    init?(_ line: [UInt8]) throws(Unknown) {
        guard let text = String(validating: line, as: UTF8.self) else {
            throw Unknown(
                description: "'\(Printable(line))' is not valid UTF-8; type help")
        }
        try self.init(text)
    }

    private init?(_ line: String) throws(Unknown) {
        let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard let verb = words.first else { return nil }
        let rest = words.count > 1 && words[1].contains { $0 != " " } ? String(words[1]) : nil
        switch (verb, rest) {
        case ("list", nil): self = .list
        case ("stats", nil): self = .stats
        case ("help", nil): self = .help
        case ("quit", nil): self = .quit
        case ("kick", let rest?): self = .kick(try Self.id(rest, for: "kick"))
        case ("recorder", let rest?): self = .recorder(try Self.id(rest, for: "recorder"))
        case ("ended", let rest): self = .ended(try Self.ends(rest))
        case ("broadcast", let rest?): self = .broadcast(rest)
        default:
            throw Unknown(
                description: "'\(Printable(Array(line.utf8)))' is not a command; type help")
        }
    }

    private static func id(
        _ text: String, for verb: String
    ) throws(Unknown) -> UVConnection.ID {
        let words = text.split(separator: " ")
        guard words.count == 1, let id = UVConnection.ID(words[0]) else {
            throw Unknown(
                description: "\(verb) needs a client's id, a number; type list to see the ids")
        }
        return id
    }

    private static func ends(_ text: String?) throws(Unknown) -> Ends {
        let words = (text ?? "").split(separator: " ")
        guard let word = words.first else { return .all }
        if words == ["bad"] { return .bad }
        let kind = UVEndReason.Kind.allCases.first { "\($0)" == word }
        guard let kind, words.count == 1 else {
            let kinds = UVEndReason.Kind.allCases.map { "\($0)" }.joined(separator: ", ")
            throw Unknown(description: "ended takes bad, or one of these reasons: \(kinds)")
        }
        return .reason(kind)
    }
}
