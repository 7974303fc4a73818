import ArgumentParser
import Console
import UVSockets
import UVSocketsCapture

/// `uv-inspect replay FILE --against ENDPOINT`: plays captured clients to a server.
struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Plays the clients of a capture to a server, and compares what it answers.",
        discussion: """
            The file is a pcapng file, as a tap writes it. What the captured server received is sent \
            again, cut as it was, one connection after the other. Ends with 1 if an answer differs.
            """)

    @Argument(help: "The capture.")
    var file: String

    @Option(help: "The server: HOST:PORT or unix:PATH.", transform: Self.endpoint)
    var against: UVEndpoint

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Only one connection of the capture, counted from 0.", valueName: "n"))
    var connection: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to wait for the connection and for each answer. (default: 10)",
            valueName: "seconds"), transform: Seconds.parse)
    var timeout = Duration.seconds(10)

    @Flag(name: .customLong("keep-time"), help: "Wait between pieces as the captured clients did.")
    var keepsTime = false

    func run() throws {
        let capture = try UVCapture(contentsOf: file)
        if let connection, !capture.connections.indices.contains(connection) {
            throw ValidationError(
                "the capture has \(capture.connections.count) connections, counted from 0")
        }
        let (against, connection, timeout, keepsTime) = (against, connection, timeout, keepsTime)
        let results = try UVLoop(recordedEvents: 0).run {
            await capture.replay(
                against: against, connection: connection, timeout: timeout, keepsTime: keepsTime)
        }
        try printLines(results.map(\.description) + [Self.summary(results)])
        if !results.allSatisfy(\.isEqual) { throw ExitCode.failure }
    }

    private static func summary(_ results: [UVCapture.ReplayResult]) -> String {
        let equal = results.count { $0.isEqual }
        return "\(equal) of \(results.count) connections were answered as in the capture"
    }

    static func endpoint(_ text: String) throws -> UVEndpoint {
        do throws(UVError) {
            return try UVEndpoint(text)
        } catch {
            throw ValidationError(error.reason)
        }
    }
}
