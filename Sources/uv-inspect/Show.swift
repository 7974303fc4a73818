import ArgumentParser
import Console
import UVSockets

/// `uv-inspect FILE`: what a black box says.
struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Prints the last events of a black box; this is what FILE alone does.",
        discussion: """
            A program writes a black box where UVSOCKETS_RECORDER=FILE is in its environment. The \
            file tells what its clients did last, also after kill -9 or a crash. It may still be \
            written: a program that runs is not disturbed.
            """)

    @Argument(help: "The file. The other loops of a program have FILE.1, FILE.2 and so on.")
    var file: String

    @Option(
        name: .customLong("last"), parsing: .unconditional,
        help: "How many events to print. (default: 50)", transform: Self.count)
    var limit = 50

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Only the events of one client: its id, or AGENT/ID as printed.", valueName: "id"),
        transform: Self.client)
    var client: Box.Filter?

    @Flag(help: "Only clients whose end was bad, or that had not ended.")
    var bad = false

    @Flag(help: "Prints a JSON object a line: first the box, then its events, then open clients.")
    var json = false

    func run() throws {
        let box = try Box(file)
        let keys = box.clients(client, badOnly: bad)
        let events = box.content.events.filter { keys.contains(Box.Key($0)) }.suffix(limit)
        let lines =
            json
            ? try JSONReport(box, Array(events), keys).lines
            : TextReport(box, Array(events), keys, isWhole: client == nil && !bad).lines
        try printLines(lines)
    }

    private static func count(_ text: String) throws -> Int {
        guard let count = Int(digits: text), count > 0 else {
            throw ValidationError("it takes a number, at least 1")
        }
        return count
    }

    private static func client(_ text: String) throws -> Box.Filter {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let numbers = parts.compactMap { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(part) : nil
        }
        guard numbers.count == parts.count, (1...2).contains(numbers.count) else {
            throw ValidationError("it takes a client's id, such as 7, or AGENT/ID, such as 1/7")
        }
        return Box.Filter(agent: numbers.count == 2 ? numbers[0] : nil, client: numbers.last ?? 0)
    }
}
