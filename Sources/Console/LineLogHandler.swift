public import Logging

/// Writes the library's log, one line per event, without ever blocking the loop.
public struct LineLogHandler: LogHandler {
    /// The metadata that all events of the logger have in common.
    public var metadata: Logger.Metadata = [:]
    /// Less important events are not written.
    public var logLevel: Logger.Level
    private let program: String
    private let output: Output

    /// Makes a handler.
    ///
    /// - Parameters:
    ///   - program: The program's name, with which each line begins.
    ///   - level: Less important events are not written.
    ///   - output: Where to write.
    public init(program: String, level: Logger.Level, output: Output) {
        self.program = program
        logLevel = level
        self.output = output
    }

    /// Reads or changes one entry of the common metadata.
    ///
    /// - Parameter key: Its key.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes an event.
    ///
    /// - Parameter event: The event.
    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        output.write(line: "\(program): \(event.level): \(event.message)\(details)")
    }
}
