import ArgumentParser

/// The program's commands.
struct UVInspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uv-inspect",
        abstract: "Shows what a program that uses UVSockets has left behind.",
        subcommands: [Show.self, Replay.self, Top.self], defaultSubcommand: Show.self)
}
