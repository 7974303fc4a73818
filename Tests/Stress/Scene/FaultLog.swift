import Logging

/// A log that takes an error for a fault: a loop that could not be closed says so only there.
struct FaultLog: LogHandler {
    let scene: Scene
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .error

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        scene.fault("the log has an error: \(event.message)")
    }
}
