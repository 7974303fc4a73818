import ArgumentParser
import Console
import UVSockets

/// The program's options.
struct Options: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo-client",
        abstract: "Sends standard input to a server and prints what comes back.",
        discussion: """
            At a terminal, type lines; Ctrl-D ends. From a file or a pipe every byte is sent as it \
            is, and every byte that comes back is written as it is. When the input ends, the server \
            is told so, and the program ends with 0 once the server has finished, too; it ends with \
            1 where the server goes away before, unless it is told to reconnect.
            """)

    @Argument(
        help: "The server as HOST:PORT, unix:PATH or unix:@NAME. (default: localhost:8081)",
        transform: Self.endpoint)
    var server: UVEndpoint = "localhost:8081"

    @Option(
        help: ArgumentHelp(
            "The address of this machine to connect from, with a port where it matters.",
            valueName: "address"),
        transform: { (try? UVEndpoint($0)) ?? UVEndpoint(host: $0, port: 0) })
    var from: UVEndpoint?

    @Option(
        parsing: .unconditional,
        help: "How many seconds to try to connect, name lookup included. (default: 10)",
        transform: Self.seconds)
    var timeout = Duration.seconds(10)

    @Flag(
        help: """
            Tries again, after up to 30 seconds, where the server cannot be reached or goes away. \
            Input is kept meanwhile, up to \(Self.queueLimit >> 20) MiB; no more is read then. What \
            was on its way when the server went is lost.
            """)
    var reconnect = false

    /// How many bytes of input wait for a connection. The program stops reading at half of this.
    /// Then there is still room for a line of 1 MiB, or for the most lines that one chunk can hold.
    static let queueLimit = 4 << 20

    @Option(
        help: """
            How messages are told apart: \(Framing.names). (default: raw) Unless it is raw, each \
            line of the input is a message, without the LF or CR LF that ends it, and each message \
            is printed as a line.
            """,
        transform: { try Framing.parse($0) })
    var framing: Framing?

    private static func endpoint(_ text: String) throws -> UVEndpoint {
        do throws(UVError) {
            return try UVEndpoint(text)
        } catch {
            throw ValidationError(error.reason)
        }
    }

    private static func seconds(_ text: String) throws -> Duration {
        guard let time = try? Seconds.parse(text), time > .zero, time <= .seconds(86_400) else {
            throw ValidationError("it takes a number of seconds, above 0 and at most 86400")
        }
        return time
    }
}
