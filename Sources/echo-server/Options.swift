import ArgumentParser
import Console
import Logging

/// The program's options.
struct Options: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo-server",
        abstract: "Prints what its clients send and sends it back.",
        discussion: """
            Ctrl-C and SIGTERM stop it once its clients have got what was sent to them; a second \
            one ends it at once.
            """)

    /// Who gets a message.
    enum Mode: String, ExpressibleByArgument, CaseIterable {
        case echo, broadcast
    }

    @Option(help: "The address, or a name of this machine, to listen on; :: is every address.")
    var host = "::"

    @Option(
        parsing: .unconditional, help: "The port, 0 to 65535; 0 takes a free one. (default: 8081)",
        transform: Self.port)
    var port: UInt16 = 8081

    @Option(
        parsing: .unconditional, help: "How many clients the kernel accepts ahead. (default: 4096)",
        transform: Self.positive)
    var backlog = 4096

    @Option(
        parsing: .unconditional,
        help: "How many clients there may be at a time; by default what the descriptors allow.",
        transform: Self.positive)
    var maxConnections: Int?

    @Option(help: "Who gets a message: its sender (echo) or everybody else (broadcast).")
    var mode = Mode.echo

    @Option(
        help: "How messages are told apart: \(Framing.names). (default: raw)",
        transform: { try Framing.parse($0) })
    var framing: Framing?

    @Flag(help: "Print no messages, only where it listens and what goes wrong.")
    var quiet = false

    @Flag(help: "Take an operator's commands from standard input, also where that is no terminal.")
    var console = false

    @Option(
        help:
            "What to log: trace, debug, info, notice, warning, error or critical. (default: notice)",
        transform: Self.level)
    var logLevel = Logger.Level.notice

    private static func port(_ text: String) throws -> UInt16 {
        guard let port = UInt16(text) else {
            throw ValidationError("a port is a number from 0 to 65535")
        }
        return port
    }

    private static func positive(_ text: String) throws -> Int {
        guard let number = Int(text), number > 0 else {
            throw ValidationError("it takes a number of at least 1")
        }
        return number
    }

    private static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError(
                "it is one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }
}
