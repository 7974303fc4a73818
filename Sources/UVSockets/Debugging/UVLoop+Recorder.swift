internal import Logging

extension UVLoop {
    /// Makes the recorder of a loop.
    ///
    /// - Parameters:
    ///   - capacity: How many events to keep. 0 records none.
    ///   - path: The path of a black box; nil for what the environment says.
    ///   - now: The loop's time.
    ///   - hasNetwork: Whether its network is in memory. Then the environment says nothing.
    ///   - logger: Told if the file cannot be made, once for all loops.
    /// - Returns: The recorder; nil if the loop records nothing.
    static func makeRecorder(
        _ capacity: Int, _ path: String?, now: UInt64, hasNetwork: Bool, _ logger: Logger
    ) -> FlightRecorder? {
        guard capacity > 0 else { return nil }
        let path = path ?? (hasNetwork ? nil : environmentValue(blackBoxVariable))
        guard let path, !path.isEmpty else { return FlightRecorder(capacity: capacity, now: now) }
        do throws(UVError) {
            let recorder = try FlightRecorder(at: path, capacity: capacity, now: now)
            logger.debug("recording", metadata: ["file": "\(recorder.path ?? "")"])
            return recorder
        } catch {
            let line = "events are recorded in memory only: \(error)"
            let isNew = lastWarning.withLock { last in
                defer { last = line }
                return last != line
            }
            if isNew { logger.warning("\(line)") }
            return FlightRecorder(capacity: capacity, now: now)
        }
    }

    /// What was said last of a black box that cannot be made.
    private static let lastWarning = Locked("")

    /// The environment variable that has the path of the black box.
    static var blackBoxVariable: String { "UVSOCKETS_RECORDER" }
}

extension UVConnection {
    /// Names its listener or connector in the black box, if there is one.
    func noteAgent() {
        guard loop.recorder?.path != nil else { return }
        if let listener = agent as? UVListener {
            loop.recorder?.note(events.number, .listener, listener.recordedEndpoint)
        } else if let connector = agent as? UVConnector {
            loop.recorder?.note(events.number, .connector, "\(connector.endpoint)")
        }
    }
}

extension UVListener {
    /// Where it listens, for the black box.
    var recordedEndpoint: String {
        (boundEndpoints.isEmpty ? [endpoint] : boundEndpoints).map { "\($0)" }
            .joined(separator: ", ")
    }
}
