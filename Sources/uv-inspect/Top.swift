import ArgumentParser
import Console
import Glibc
import UVSockets

/// `uv-inspect top ENDPOINT`: the live view of a server, through its admin socket.
struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows the loops and the busiest clients of a running server, again and again.",
        discussion: "The server has an admin socket, as with echo-server --admin. Ctrl-C ends it.")

    @Argument(help: "The admin socket: unix:PATH, or HOST:PORT.", transform: Replay.endpoint)
    var server: UVEndpoint

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How often to look. (default: 1)", valueName: "seconds"),
        transform: Seconds.parse)
    var interval = Duration.seconds(1)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How many clients to show, 1 to 1000. (default: 20)", valueName: "n"))
    var clients = 20

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How many times to look. (default: until Ctrl-C)", valueName: "n"))
    var times: Int?

    func validate() throws {
        guard 1...1000 ~= clients else {
            throw ValidationError("--clients takes a number from 1 to 1000")
        }
        guard times ?? 1 > 0 else { throw ValidationError("--times takes a number, at least 1") }
    }

    func run() throws {
        let isTerminal = isatty(1) == 1
        let (server, interval, looksWanted) = (server, interval, times ?? .max)
        let commands = ["loops", "why", "list by rate \(clients)"]
        try UVLoop(recordedEvents: 0).run {
            try await UVConnector.connect(to: server, framing: .lines) { admin in
                var looks = 0
                while looks < looksWanted {
                    if looks > 0 { try await Task.sleep(for: interval) }
                    looks += 1
                    var lines: [String] = []
                    for command in commands {
                        try await admin.send(command)
                        while let line = try await admin.nextMessage(), !line.isEmpty {
                            lines.append("\(Printable(line, limit: 500))")
                        }
                        lines.append("")
                    }
                    // Clears the screen and goes to its upper left corner.
                    try printLines((isTerminal ? ["\u{1B}[H\u{1B}[J\(server)"] : []) + lines)
                }
            }
        }
    }
}
