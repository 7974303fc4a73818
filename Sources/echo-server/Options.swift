import ArgumentParser
import Console
import Logging
import UVSockets

/// The program's options.
struct Options: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo-server",
        abstract: "Prints what its clients send and sends it back.",
        discussion: """
            Ctrl-C and SIGTERM stop it once its clients have got what was sent to them; a \
            second one resets those that are left.
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
        help: """
            Where to listen, instead of --host and --port: HOST:PORT, unix:PATH, where the path begins \
            with / or ., or unix:@NAME, an abstract name of Linux; give it again to listen there, too. \
            All limits hold for all clients together, wherever they come in.
            """,
        transform: Self.endpoint)
    var listen: [UVEndpoint] = []

    @Flag(
        name: .customLong("ipv6-only"),
        help: "At an IPv6 address take IPv6 clients only; by default IPv4 clients come to ::, too.")
    var isIPv6Only = false

    @Option(
        parsing: .unconditional, help: "How many clients the kernel accepts ahead. (default: 4096)",
        transform: positive)
    var backlog = 4096

    /// The library's APIs for messages.
    enum API: String, ExpressibleByArgument, CaseIterable {
        case callback, async, borrowed
    }

    /// How clients are spread over the loops.
    enum Balance: String, ExpressibleByArgument, CaseIterable {
        case least, kernel
    }

    @Option(
        help: """
            How it is told of messages: by callbacks, by a task for each client that owns them \
            (async), or by a task that borrows them.
            """)
    var api = API.callback

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            On how many loops, each on a thread of its own, clients are served, 1 to \(mostLoops). \
            (default: 1)
            """, valueName: "n"),
        transform: Self.loops)
    var loops = 1

    @Option(
        help: """
            How clients are spread over the loops: each goes to the loop with the fewest (least), or \
            the kernel chooses one at random (kernel). (default: least)
            """)
    var balance: Balance?

    @Option(help: "Who gets a message: its sender (echo) or everybody else (broadcast).")
    var mode = Mode.echo

    @Option(
        help: """
            What a broadcast does about a client that is slow to receive: it gets everything until \
            --send-limit is passed, and is then reset (disconnect); it misses messages (skip); of \
            each sender's messages that wait it gets the latest only (keep-latest); or all wait for \
            it (wait). (default: disconnect)
            """)
    var slow: Relay.Policy?

    @Option(
        help: "How messages are told apart: \(Framing.names). (default: raw)",
        transform: { try Framing.parse($0) })
    var framing: Framing?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How long clients may take to get what was sent to them when the server is told to \
            stop. (default: \(Seconds(defaultDrainTime)))
            """, valueName: "seconds"),
        transform: Seconds.parse)
    var drainTime = Self.defaultDrainTime

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What every client is sent last when the server stops; without a framing as a line.",
            valueName: "text"))
    var goodbye: String?

    @Flag(help: "Print no messages, only where it listens and what goes wrong.")
    var quiet = false

    @Flag(help: "Read an operator's commands from standard input, even where that is no terminal.")
    var console = false

    @Option(
        help: ArgumentHelp(
            """
            Where an operator may give the same commands: unix:PATH, unix:@NAME, or HOST:PORT of \
            loopback, where they only look.
            """, valueName: "endpoint"),
        transform: Self.endpoint)
    var admin: UVEndpoint?

    @Option(
        help: ArgumentHelp(
            "Where /metrics, for Prometheus, and /healthz are answered over HTTP.",
            valueName: "host:port"),
        transform: Self.endpoint)
    var metrics: UVEndpoint?

    @Option(
        help:
            "What to log: trace, debug, info, notice, warning, error or critical. (default: notice)",
        transform: Self.level)
    var logLevel = Logger.Level.notice

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How many events each loop keeps for `ended` and `recorder`, at 32 bytes each; 0 keeps \
            none. (default: \(UVLoop.defaultRecordedEvents))
            """, valueName: "n"),
        transform: Self.recordedEvents)
    var recordedEvents = UVLoop.defaultRecordedEvents

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            After how long the log says which handler holds a loop; 0 never says it. \
            (default: \(Seconds(defaultWatchdogTime)))
            """, valueName: "seconds"),
        transform: Seconds.parse)
    var watchdog = Self.defaultWatchdogTime

    @OptionGroup(title: "Limits")
    var limits: Limits

    /// Far more than any machine has processors. Each loop takes descriptors of the process.
    private static let mostLoops = 1024
    /// In 512 MiB for each loop.
    private static let mostRecordedEvents = 1 << 24
    private static let defaultDrainTime = Duration.seconds(5)
    private static let defaultWatchdogTime = Duration.seconds(1)

    func validate() throws {
        if slow != nil, mode != .broadcast {
            throw ValidationError("--slow needs --mode broadcast")
        }
        if slow == .wait, loops > 1 {
            throw ValidationError("--slow wait needs --loops 1: loops do not wait for each other")
        }
        if balance != nil, loops == 1 {
            throw ValidationError("--balance needs --loops 2 or more")
        }
        if limits.maxFrame != nil, framing?.hasLimit != true {
            throw ValidationError("--max-frame needs a --framing with messages of varying length")
        }
        do throws(FramingError) {
            _ = try usedFraming.wrapper(of: lastMessage.span)
        } catch {
            if !lastMessage.isEmpty {
                throw ValidationError("--goodbye cannot be sent as a message: \(error)")
            }
        }
    }

    /// How bytes are divided into messages.
    var usedFraming: UVFraming {
        let limited = limits.maxFrame.map { framing?.limited(to: $0) } ?? framing
        return limited?.value ?? .raw
    }

    /// How clients are spread.
    var usedBalance: UVBalance { balance == .kernel ? .kernel : .fewestClients }

    /// The last message to every client when the server stops. Empty means none.
    var lastMessage: [UInt8] {
        guard let goodbye, !goodbye.isEmpty else { return [] }
        return Array((usedFraming.codec == nil ? goodbye + "\n" : goodbye).utf8)
    }

    /// How the listener and its connections behave.
    var listenerOptions: UVListenerOptions {
        var options = limits.listenerOptions
        options.isIPv6Only = isIPv6Only
        options.additionalEndpoints = Array(listen.dropFirst())
        // Otherwise the flush timeout would end before a longer drain time.
        options.connection.flushTimeout = max(options.connection.flushTimeout, drainTime)
        return options
    }

    /// The first endpoint to listen on.
    var endpoint: UVEndpoint { listen.first ?? UVEndpoint(host: host, port: port) }

    private static func endpoint(_ text: String) throws -> UVEndpoint {
        do throws(UVError) {
            return try UVEndpoint(text)
        } catch {
            throw ValidationError(error.reason)
        }
    }

    private static func port(_ text: String) throws -> UInt16 {
        guard let number = Int(digits: text), let port = UInt16(exactly: number) else {
            throw ValidationError("a port is a number from 0 to 65535")
        }
        return port
    }

    private static func loops(_ text: String) throws -> Int {
        guard let loops = Int(digits: text), 1...mostLoops ~= loops else {
            throw ValidationError("the value must be a number from 1 to \(mostLoops)")
        }
        return loops
    }

    private static func recordedEvents(_ text: String) throws -> Int {
        guard let events = Int(digits: text), 0...mostRecordedEvents ~= events else {
            throw ValidationError("the value must be a number from 0 to \(mostRecordedEvents)")
        }
        return events
    }

    private static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError(
                "the value must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        return level
    }
}
