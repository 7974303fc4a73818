import Console
import Glibc
import UVSockets

/// The client: it sends standard input to the server and writes the answers to standard output.
///
/// It reads neither side faster than the other side takes bytes. It asks for input when the
/// connection's queue is below the high watermark. It pauses the connection while too much output
/// waits. While it reconnects, it gives input to the connector, which keeps it.
final class EchoClient {
    /// How many bytes of output may wait before the server is held back.
    private static let outputHighWatermark = 1 << 20

    /// How many items other threads may post to the loop in one of its turns. The output thread may
    /// post once for each message of a read, at most 65,536 times. The input must still get
    /// through.
    private static let submissionLimit = 1 << 18

    /// Why the program fails, in one line.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let unsent = Failure(description: "some input was not sent")

    private let options: Options
    private let loop: UVLoop
    private let isTerminal = isatty(1) == 1
    private var input: Input?
    private var output: Output?
    private let errors = Output(2, excess: .drop(beyond: 1 << 16))
    private var connector: UVConnector?
    private var server: UVConnection?
    /// Whether the user was told that there is no connection.
    private var isLost = false
    /// Finishes sending in a later callback, after the kept messages were sent.
    private var finishLater: () -> Void = {}
    /// Divides the input into lines. None is longer than a message can be.
    private var lines: LineBuffer
    /// Whether no more input is taken.
    private var isFinished = false
    private var isStopping = false
    private var failure: Failure?
    /// Ends the program when all received bytes are written. A further signal ends it sooner.
    private var endAfterOutput: () -> Void = {}

    init(_ options: Options) throws(UVError) {
        self.options = options
        lines = LineBuffer(maximumLength: options.framing?.value.codec?.maximumLength ?? 0)
        loop = try UVLoop(submissionLimit: Self.submissionLimit)
    }

    /// Talks to the server until one side has finished.
    func run() throws {
        let written = loop.mailbox { [loop] (_: Void) in loop.stop() }
        endAfterOutput = { [self] in output?.whenWritten { written.post(()) } }
        let room = loop.mailbox { [self] (_: Void) in server?.resumeReceiving() }
        let gone = loop.mailbox { [self] (code: Int32) in
            fail("cannot write the output: \(unsafe String(cString: strerror(code)))")
            loop.stop()
        }
        output = Output(1, excess: .wait { room.post(()) }, onGone: { gone.post($0) })
        let events = loop.mailbox { [self] (event: Input.Event) in handle(event) }
        input = Input { events.post($0) }
        let finished = loop.mailbox { [self] (_: Void) in server?.finish() }
        finishLater = { finished.post(()) }

        let connector = makeConnector()
        self.connector = connector
        try loop.on(.interrupt) { [self] in stop(signal: SIGINT) }
        try loop.on(.terminate) { [self] in stop(signal: SIGTERM) }
        try connector.startConnect()
        if options.reconnect { input?.request() }
        loop.run(.untilStopped)
        errors.flush(within: .milliseconds(200))
        if let failure { throw failure }
    }

    private func makeConnector() -> UVConnector {
        var settings = UVConnectionOptions.connector
        // This tells a server that finishes first from a server that answers our finish.
        settings.allowsHalfOpen = true
        let reconnect = options.reconnect ? UVReconnect() : nil
        let connector = UVConnector(
            on: loop, to: options.server, from: options.from, timeout: options.timeout,
            framing: options.framing?.value ?? .raw, options: settings, reconnect: reconnect,
            queueLimit: Options.queueLimit
        ) { [self] in received($0, $1) }
        connector.onConnected = { [self] in connected($0) }
        connector.onDrained = { [self] _ in input?.request() }
        connector.onPeerFinished = { [self] in serverFinished($0) }
        connector.onDisconnected = { [self] in disconnected($0, $1) }
        connector.onReconnecting = { [self] in lost($2) }
        connector.onFailed = { [self] in fail("\($1)") }
        return connector
    }

    private func connected(_ connection: UVConnection) {
        server = connection
        if isLost { errors.announce("echo-client: connected to \(options.server)") }
        isLost = false
        if !options.reconnect { input?.request() }
        if isFinished { finishLater() }
    }

    /// Reports a lost connection once, not for each attempt.
    private func lost(_ reason: UVEndReason) {
        guard !isLost else { return }
        isLost = true
        let what =
            if case .failed(let error) = reason {
                "\(error)"
            } else {
                "\(options.server) is gone: \(reason)"
            }
        errors.announce("echo-client: \(what); trying again")
    }

    private func received(_ server: UVConnection, _ message: Span<UInt8>) {
        var bytes = [UInt8](message: message)
        if isTerminal { bytes = Array(Printable(bytes, limit: .max).description.utf8) }
        if isTerminal || isFramed { bytes.append(UInt8(ascii: "\n")) }
        if output?.write(bytes) ?? 0 > Self.outputHighWatermark { server.pauseReceiving() }
    }

    private var isFramed: Bool { options.framing?.value.codec != nil }

    private func handle(_ event: Input.Event) {
        guard let connector, !isFinished else { return }
        switch event {
        case .bytes(let bytes):
            if isStopping { return inputIsLost() }
            if send(bytes, to: connector) == .taken, !isFinished { input?.request() }
        case .end:
            if isFramed, let line = lines.finish() { send(line, to: connector) }
            finish()
        case .failed(let code):
            finish(failing: "cannot read the input: \(unsafe String(cString: strerror(code)))")
        }
    }

    /// Some of the input was not sent.
    private func inputIsLost() {
        if failure == nil { failure = Self.unsent }
    }

    /// Sends the input: as it is, or each line as a message.
    private func send(_ bytes: [UInt8], to connector: UVConnector) -> UVSendResult {
        guard isFramed else { return connector.send(bytes) }
        var result = UVSendResult.taken
        for line in lines.append(bytes) where !isFinished { result = send(line, to: connector) }
        return result
    }

    /// Sends a line. A line that cannot be a message is an error: neither it nor the following
    /// lines are sent.
    @discardableResult
    private func send(_ line: LineBuffer.Line, to connector: UVConnector) -> UVSendResult {
        guard case .whole(let bytes) = line else {
            finish(failing: "a line of the input is longer than \(longest)")
            return .closed
        }
        let result = connector.send(bytes)
        if case .refused(let error) = result { finish(failing: "a line of the input \(error)") }
        return result
    }

    private var longest: String {
        "\(lines.maximumLength) bytes, the most that a message can have"
    }

    /// Takes no more input. The server still answers what was sent before, and the answers are
    /// written. Then the program ends. It fails if there is a reason.
    private func finish(failing reason: String? = nil) {
        guard !isFinished else { return }
        isFinished = true
        if let reason { note(reason) }
        server?.finish()
    }

    private func serverFinished(_ server: UVConnection) {
        if options.reconnect, !isFinished, !isStopping { return server.finish() }
        if !isFinished || server.bytesQueued > 0 {
            fail("\(options.server) closed the connection")
        }
        server.close()
    }

    private func disconnected(_ server: UVConnection, _ reason: UVEndReason) {
        if connector?.isWaiting == true {
            self.server = nil
            return
        }
        switch reason {
        case .peerClosed, .closed:
            if server.bytesQueued > 0 { inputIsLost() }
            endAfterOutput()
        default: fail("\(options.server) is gone: \(reason)")
        }
    }

    private func fail(_ reason: String) {
        note(reason)
        endAfterOutput()
    }

    /// Only the first failure is reported.
    private func note(_ reason: String) {
        if failure == nil, !isStopping { failure = Failure(description: reason) }
    }

    private func stop(signal: Int32) {
        if isStopping {
            // What the server got must not look complete.
            server?.reset()
            exit(128 + signal)
        }
        if connector?.messagesPending ?? 0 > 0 || lines.hasPart { inputIsLost() }
        isStopping = true
        guard let server else {
            connector?.cancel()
            return endAfterOutput()
        }
        server.close()
    }
}
