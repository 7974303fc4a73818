package import UVSockets

/// A command of an operator.
///
/// To add one, write a file in `Commands` with a static constant, and put it into ``all``.
package struct AdminCommand: Sendable {
    /// Does the work. It says its answer line by line.
    package typealias Body =
        nonisolated(nonsending) @Sendable (AdminCall) async throws -> Void

    /// The first word of the line.
    package let name: String
    /// What may follow the name; empty if nothing may.
    package let arguments: String
    /// Who may use it.
    package let level: UVAdmin.Level
    /// One line about what it does.
    package let help: String
    let run: Body

    /// Describes a command.
    package init(
        _ name: String, _ arguments: String = "", level: UVAdmin.Level = .user, help: String,
        run: @escaping Body
    ) {
        self.name = name
        self.arguments = arguments
        self.level = level
        self.help = help
        self.run = run
    }

    /// The name and what may follow it.
    package var usage: String { arguments.isEmpty ? name : "\(name) \(arguments)" }

    /// The commands of every server.
    package static let all: [AdminCommand] = [
        .list, .show, .why, .ended, .recorder, .stats, .loops, .state, .advice, .profile,
        .measure, .trace, .tap, .dump,
        .watch, .metrics, .limits, .kick,
        .broadcast, .drain, .set, .logLevel, .help,
    ]
}

/// Says in one line what is wrong with a command, and what would be right.
package struct AdminProblem: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// A command as it was given, and what it works with. It belongs to the thread of its engine.
package struct AdminCall {
    package let engine: AdminEngine
    package let command: AdminCommand
    /// What stands behind the command's name, without the spaces around it.
    package let text: String
    let session: AdminSession

    /// The words behind the command's name.
    package var words: [Substring] { text.split(separator: " ") }

    /// Says a line of the answer. What could garble a terminal is shown as escapes. What was escaped
    /// before stays as it is.
    package func say(_ line: String) {
        session.output.say(
            "\(Printable(Array(line.utf8), limit: .max, keepsBackslashes: true))")
    }

    /// Says lines that are known to be harmless, as they are.
    package func say(verbatim text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            session.output.say(String(line))
        }
    }

    /// Names the loops that have not answered.
    package func say(silent loops: [Int]) {
        for loop in loops { say(engine.silence(ofLoop: loop)) }
    }

    /// The problem that the words are not what the command takes.
    package var misused: AdminProblem {
        AdminProblem(
            command.arguments.isEmpty
                ? "\(command.name) takes nothing behind it"
                : "it is: \(command.usage)")
    }

    /// Checks that nothing stands behind the command.
    package func expectNoWords() throws {
        if !text.isEmpty { throw misused }
    }

    /// The only word, as a client's id.
    package func id() throws -> UVConnection.ID {
        guard words.count == 1, let id = UVConnection.ID(words[0]) else {
            throw AdminProblem(
                "\(command.name) needs a client's id, a number; type list to see the ids")
        }
        return id
    }
}
