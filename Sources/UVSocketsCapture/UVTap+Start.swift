internal import Logging
public import UVSockets

extension UVTap {
    /// Taps clients of a server, on all of its loops.
    ///
    /// The call returns when all clients that are there are tapped. Those that are in the middle of
    /// their connection begin in the file as if they had just connected, with a comment that says so.
    /// Clients that come later are tapped from their first byte.
    ///
    /// A tapped client costs more: what is sent to it is copied once, and each packet is copied for
    /// the file. Other clients cost what they always do.
    ///
    /// - Parameters:
    ///   - server: The server, from ``UVListener/remote``, ``UVLoopGroup`` or ``UVServer``.
    ///   - target: Which of its clients.
    ///   - path: The file to write. An existing file is replaced if it is a regular file of this user
    ///     with one name. A symbolic link is refused.
    ///   - limits: How much the tap takes.
    /// - Returns: The tap.
    /// - Throws: ``UVError`` if the file cannot be made, there is no such client, the server has
    ///   stopped, or 8 taps are there already.
    nonisolated(nonsending) public static func start(
        _ server: UVServerHandle, _ target: Target = .all, to path: String,
        limits: Limits = Limits()
    ) async throws(UVError) -> UVTap {
        try await start(server, target, limits, .pcapng(path))
    }

    /// Taps one connection. Call it on the connection's loop.
    ///
    /// - Parameters:
    ///   - connection: The connection, of a listener or a connector.
    ///   - path: The file to write, as for ``start(_:_:to:limits:)``.
    ///   - limits: How much the tap takes.
    /// - Returns: The tap. It ends with the connection.
    /// - Throws: ``UVError`` if the file cannot be made, the connection has ended, or 8 taps are there
    ///   already.
    public static func start(
        _ connection: UVConnection, to path: String, limits: Limits = Limits()
    ) throws(UVError) -> UVTap {
        try start(connection, limits, .pcapng(path))
    }

    /// Taps a connector: its connection, and those that follow it. Call it on the connector's loop.
    ///
    /// The tap goes on when the connector gives up. Stop it, or it ends with the loop.
    ///
    /// - Parameters:
    ///   - connector: The connector.
    ///   - path: The file to write, as for ``start(_:_:to:limits:)``.
    ///   - limits: How much the tap takes.
    /// - Returns: The tap.
    /// - Throws: ``UVError`` if the file cannot be made, or 8 taps are there already.
    public static func start(
        _ connector: UVConnector, to path: String, limits: Limits = Limits()
    ) throws(UVError) -> UVTap {
        try start(connector, limits, .pcapng(path))
    }

    // MARK: - For all kinds of outputs

    /// Where the records go.
    enum Destination: Sendable {
        case pcapng(String)
        case text(Output)
        /// A file that is open already.
        case open(CaptureFile)

        var name: String {
            switch self {
            case .pcapng(let path), .text(.file(let path)): path
            case .open(let file): file.path
            case .text(.log): "the log"
            case .text(.lines): "a closure"
            }
        }
    }

    nonisolated(nonsending) static func start(
        _ server: UVServerHandle, _ target: Target, _ limits: Limits, _ destination: Destination
    ) async throws(UVError) -> UVTap {
        let tap = UVTap(limits)
        let answers: [TapPart.Answer] = await server.askListeners(of: target.client) {
            listener, reply in TapPart.begin(tap, listener, target, reply)
        }
        var logger: Logger?
        for case .begun(let found) in answers { logger = found }
        guard let logger else { throw refusal(of: target, answers) }
        try tap.begin(destination, logger)
        return tap
    }

    private static func refusal(of target: Target, _ answers: [TapPart.Answer]) -> UVError {
        for case .tooMany in answers { return tooMany("the server") }
        guard let id = target.client else {
            return UVError(
                call: "tap", subject: "the server", code: .canceled,
                reason: "the server has stopped")
        }
        return UVError(
            call: "tap", subject: "client \(id)", code: .invalidArgument,
            reason: "there is no such client")
    }

    static func start(
        _ connection: UVConnection, _ limits: Limits, _ destination: Destination
    ) throws(UVError) -> UVTap {
        let subject = "connection \(connection.id)"
        if connection.isClosedOnWire {
            throw UVError(
                call: "tap", subject: subject, code: .canceled, reason: "it has ended")
        }
        let tap = UVTap(limits)
        guard TapPart.begin(tap, connection) else { throw tooMany(subject) }
        try tap.begin(destination, connection.loop.logger)
        return tap
    }

    static func start(
        _ connector: UVConnector, _ limits: Limits, _ destination: Destination
    ) throws(UVError) -> UVTap {
        let tap = UVTap(limits)
        guard TapPart.begin(tap, connector) else { throw tooMany("\(connector.endpoint)") }
        try tap.begin(destination, connector.loop.logger)
        return tap
    }

    private static func tooMany(_ subject: String) -> UVError {
        UVError(
            call: "tap", subject: subject, code: .busy,
            reason: "\(UVConnection.tapLimit) taps watch it already")
    }

    /// Launches the tap, or lets go of what it has begun to watch.
    private func begin(_ destination: Destination, _ logger: Logger) throws(UVError) {
        do throws(UVError) {
            try launch(destination, logger)
        } catch {
            queue.end(.failed(error))
            detach()
            throw error
        }
    }

    /// Opens the output and starts the thread that writes to it.
    func launch(_ destination: Destination, _ logger: Logger) throws(UVError) {
        var file: CaptureFile?
        switch destination {
        case .pcapng(let path), .text(.file(let path)): file = try CaptureFile(creating: path)
        case .open(let open): file = open
        case .text: break
        }
        let deadline = limits.time.map { steadyNanoseconds() &+ $0.wholeNanoseconds }
        do throws(UVError) {
            try startThread { [self, file] in
                var writer = TapWriter(
                    self, makeOutput(destination, file, logger), deadline: deadline)
                finish(writer.run(), destination.name, logger)
            }
        } catch {
            file?.close()
            throw error
        }
        // The start is over.
        partEnded()
    }

    private func makeOutput(
        _ destination: Destination, _ file: CaptureFile?, _ logger: Logger
    ) -> any TapOutput {
        if case .text(let output) = destination {
            return TextOutput(output, file, logger, limit: limits.bytes)
        }
        let file = file ?? CaptureFile(descriptor: -1, path: "")
        return PcapngOutput(file, limit: limits.bytes, snapLength: limits.snapLength)
    }

    private func finish(_ report: Report, _ name: String, _ logger: Logger) {
        detach()
        switch report.end {
        case .failed: logger.warning("the tap to \(name) has ended: \(report.end)")
        case .bytesLimit, .timeLimit: logger.notice("the tap to \(name) has ended: \(report.end)")
        case .stopped, .sourceEnded: logger.debug("the tap to \(name) has ended: \(report.end)")
        }
        finish(report)
    }
}

extension UVTap.Target {
    var client: UVConnection.ID? {
        if case .client(let id) = self { id } else { nil }
    }
}

extension Duration {
    /// The duration in nanoseconds, at most 292 years, and 0 if it is negative.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 9_000_000_000 else { return .max / 2 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
