import Console
import Glibc
import UVSockets
import UVSocketsAdmin

/// Reads an operator's commands from standard input, one per line. The commands are those of an
/// admin socket, and `quit`.
final class OperatorConsole {
    /// The most bytes that a line may have.
    private static let longestLine = 4096
    /// How long a loop has to answer. Nobody waits here but a person.
    private static let answerTime = Duration.seconds(1)

    private let output: Output
    private let session: AdminSession
    private var lines = LineBuffer(maximumLength: longestLine)
    private var input: Input?
    /// Whether a chunk was asked for and has not come.
    private var isReading = false

    init(
        _ server: UVServerHandle, on loop: UVLoop, _ options: UVAdmin.Options, _ output: Output,
        quit: @escaping @Sendable () -> Void
    ) {
        var options = options
        options.answerTime = Self.answerTime
        self.output = output
        let command = AdminCommand("quit", level: .operator, help: "stop the server") { call in
            try call.expectNoWords()
            quit()
        }
        let engine = AdminEngine(for: server, on: loop, options: options, commands: [command])
        session = AdminSession(engine, level: .admin, AdminOutput { output.write(line: $0) })
    }

    /// Takes commands until the input ends. After that the server runs without commands.
    func start(on loop: UVLoop) {
        let events = loop.mailbox { [self] (event: Input.Event) in take(event) }
        let input = Input { events.post($0) }
        self.input = input
        session.onRoom = { [unowned self] in readOn() }
        readOn()
    }

    private func take(_ event: Input.Event) {
        isReading = false
        switch event {
        case .bytes(let bytes):
            for line in lines.append(bytes) { take(line) }
            readOn()
        case .end:
            input = nil
            if let line = lines.finish() { take(line) }
            session.noMoreLines()
        case .failed(let code):
            input = nil
            let reason = unsafe String(cString: strerror(code))
            output.write(line: "no more commands: cannot read the input: \(reason)")
        }
    }

    private func take(_ line: LineBuffer.Line) {
        switch line {
        case .whole(let bytes): session.take(bytes)
        case .tooLong:
            session.refuse("line too long: a command has at most \(Self.longestLine) bytes")
        }
    }

    /// Asks for more input, unless too many lines wait.
    private func readOn() {
        guard !session.isFull, !isReading, let input else { return }
        isReading = true
        input.request()
    }
}
