public import Logging
internal import Synchronization

/// A log level that can be changed while the program runs.
///
/// A `Logger` is a value, and has its level from its handler. This object gives the handler a level
/// that all copies share:
///
///     let level = UVLogLevel(.notice)
///     LoggingSystem.bootstrap { label in level.handler(around: StreamLogHandler.standardError(label: label)) }
///
/// The admin command `log-level` changes it, if it is the `logLevel` of ``UVAdmin/Options``. Any
/// thread may use it.
public final class UVLogLevel: Sendable {
    private let index: Atomic<Int>

    /// Makes a level.
    ///
    /// - Parameter level: Less important events are not logged.
    public init(_ level: Logger.Level = .notice) {
        index = Atomic(Self.index(of: level))
    }

    /// The present level. Less important events are not logged.
    public var level: Logger.Level {
        get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
        set { index.store(Self.index(of: newValue), ordering: .relaxed) }
    }

    private static func index(of level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level) ?? 0
    }

    /// A log handler with this level, in place of the level of the handler that writes.
    ///
    /// A logger whose own `logLevel` is set has that level from then on.
    ///
    /// - Parameter handler: What writes the events. Its own level does not matter.
    /// - Returns: The handler.
    public func handler(around handler: some LogHandler) -> some LogHandler {
        LevelledLogHandler(handler: handler, level: self)
    }
}

/// A log handler whose level is elsewhere.
private struct LevelledLogHandler<Handler: LogHandler>: LogHandler {
    var handler: Handler
    let level: UVLogLevel
    private var ownLevel: Logger.Level?

    init(handler: Handler, level: UVLogLevel) {
        self.handler = handler
        self.level = level
        self.handler.logLevel = .trace
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? level.level }
        set { ownLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { handler.metadataProvider }
        set { handler.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        handler.log(event: event)
    }
}
