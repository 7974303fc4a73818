/// The options of connections, and what follows from them. All connections of an agent share one,
/// except those whose user has set other options. So a change holds for all of them at once.
final class ConnectionSettings {
    private(set) var options: UVConnectionOptions
    /// The sizes among them.
    private(set) var sizes: SizeLimits
    /// The deadlines of a connection with queued bytes, and of one without.
    private(set) var limits: DeadlineLimits
    private(set) var quietLimits: DeadlineLimits
    private(set) var hasQuietLimits: Bool
    /// How many milliseconds a message may take to come whole. 0 means any time.
    private(set) var messageLimit: UInt64
    private(set) var hasRates: Bool
    /// Whether the kernel is told how much to take.
    let hasBuffering: Bool
    /// How many milliseconds a receive callback may take without a warning. 0 means any time.
    let handlerTimeLimit: UInt64

    init(_ options: UVConnectionOptions) {
        let options = options.withinBounds
        self.options = options
        sizes = SizeLimits(options)
        limits = DeadlineLimits(
            idle: options.idleTimeout, idleCountsSent: options.idleCountsSent,
            firstFrame: options.firstMessageTimeout, lifetime: options.maximumLifetime,
            writeStall: options.writeStallTimeout, softLimit: options.softSendLimitTime)
        quietLimits = DeadlineLimits(
            idle: options.idleTimeout, idleCountsSent: options.idleCountsSent,
            firstFrame: options.firstMessageTimeout, lifetime: options.maximumLifetime)
        messageLimit = options.messageTimeout.map { min($0.wholeMilliseconds, .max / 2) } ?? 0
        hasQuietLimits = !quietLimits.areNone || messageLimit > 0
        hasRates = options.bytesPerSecond != nil || options.messagesPerSecond != nil
        hasBuffering = options.sendBufferSize != nil || options.unsentLimit != nil
        handlerTimeLimit = options.handlerTimeWarning.map { $0.wholeMilliseconds } ?? 0
    }

    /// Takes other limits of times, sizes and rates. The socket options and the time that handlers
    /// may take stay as they are.
    func change(to options: UVConnectionOptions) {
        let other = ConnectionSettings(options)
        (self.options, sizes) = (other.options, other.sizes)
        (limits, quietLimits, hasQuietLimits) = (
            other.limits, other.quietLimits, other.hasQuietLimits
        )
        (messageLimit, hasRates) = (other.messageLimit, other.hasRates)
    }
}

/// The sizes that each message is held against. They are numbers apart from the options, because a
/// look at options that may change would retain what else is in them.
struct SizeLimits {
    let sendLimit: Int
    let softSendLimit: Int
    let highWatermark: Int
    let lowWatermark: Int
    let holdsAboveHighWatermark: Bool

    init(_ options: UVConnectionOptions) {
        sendLimit = options.sendLimit
        softSendLimit = options.softSendLimit
        highWatermark = options.highWatermark
        lowWatermark = options.lowWatermark
        holdsAboveHighWatermark = options.holdsAboveHighWatermark
    }
}
