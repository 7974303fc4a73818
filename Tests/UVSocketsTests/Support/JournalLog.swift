import Logging

/// A logger whose messages of `warning` and above are written to a journal. The token is kept as long
/// as the logger.
func journal(
    _ messages: Journal<String>, level: Logger.Level = .warning, keeping token: Token? = nil
) -> Logger {
    Logger(label: "test") { _ in JournalLog(messages: messages, token: token, logLevel: level) }
}

private struct JournalLog: LogHandler {
    let messages: Journal<String>
    let token: Token?
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        messages.append("\(event.message)")
    }
}
