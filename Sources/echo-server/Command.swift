import Console
import UVSockets

/// The commands of an operator.
enum Command: Equatable {
    case list, stats, help, quit
    case kick(UVConnection.ID)
    case broadcast(String)

    static let usage = """
        list            the clients: id, address, age, bytes in, out and queued
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
        case ("kick", let rest?):
            let words = rest.split(separator: " ")
            guard words.count == 1, let id = UVConnection.ID(words[0]) else {
                throw Unknown(
                    description: "kick needs a client's id, a number; type list to see the ids")
            }
            self = .kick(id)
        case ("broadcast", let rest?): self = .broadcast(rest)
        default:
            throw Unknown(
                description: "'\(Printable(Array(line.utf8)))' is not a command; type help")
        }
    }
}
