/// The options of connections, and what follows from them. All connections of an agent share one,
/// except those whose user has set other options.
final class ConnectionSettings {
    let options: UVConnectionOptions
    /// The deadlines of a connection with queued bytes, and of one without.
    let limits: DeadlineLimits
    let quietLimits: DeadlineLimits
    let hasQuietLimits: Bool
    /// How many milliseconds a message may take to come whole. 0 means any time.
    let messageLimit: UInt64
    let hasRates: Bool
    /// Whether the kernel is told how much to take.
    let hasBuffering: Bool
    /// How many milliseconds a receive callback may take without a warning. 0 means any time.
    let handlerTimeLimit: UInt64

    init(_ options: UVConnectionOptions) {
        let options = options.withinBounds
        self.options = options
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
}
