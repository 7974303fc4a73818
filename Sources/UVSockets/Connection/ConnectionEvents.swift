internal import Logging

/// The agent a connection belongs to: a listener or a connector.
protocol ConnectionAgent: AnyObject {
    /// The connection is to be told to its user.
    func connectionDidOpen(_ connection: UVConnection)
    /// The connection's socket is closed.
    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason)
    /// More bytes are queued than the budget allows.
    func outboundBudgetPassed()
    /// Whether somebody counts what is lost when a connection ends.
    var countsLosses: Bool { get }
    /// Whether `onDrained` is called, too, where nothing can be sent to a slow peer any more.
    var isToldOfSlowEnds: Bool { get }
}

/// What all connections of an agent share: what they were told, what they count, and whom they tell.
final class ConnectionEvents {
    let options: UVConnectionOptions
    let coder: FrameCoder?
    /// The deadlines of a connection that has bytes queued, and of one that has none.
    let limits: DeadlineLimits
    let quietLimits: DeadlineLimits
    let hasQuietLimits: Bool
    let hasRates: Bool
    /// How long a receive callback may take without a warning, in milliseconds; 0 for any time.
    let handlerTimeLimit: UInt64
    /// How often a guard has acted.
    var guards = GuardCounts()
    /// The bytes in the queues of all open connections, and how many there may be.
    var queuedBytes = 0
    let outboundBudget: Int

    // The user's callbacks.
    let onMessageReceived: (UVConnection, Span<UInt8>) -> Void
    var onConnected: ((UVConnection) -> Void)?
    var onDisconnected: ((UVConnection, UVEndReason) -> Void)?
    var onPeerFinished: ((UVConnection) -> Void)?
    var onDrained: ((UVConnection) -> Void)?

    /// Makes what stands between the wire and the framing of each connection; nil for nothing.
    var makeLayer: (() -> any WireLayer)?
    /// What the library itself does with a connection that has begun, after its user was told.
    var onBegun: ((UVConnection) -> Void)?

    init(
        _ options: UVConnectionOptions, _ framing: UVFraming, outboundBudget: Int = .max,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        let options = options.withinBounds
        self.options = options
        self.outboundBudget = max(0, outboundBudget)
        coder = framing.codec.map { FrameCoder.of($0) }
        limits = DeadlineLimits(
            idle: options.idleTimeout, idleCountsSent: options.idleCountsSent,
            firstFrame: options.firstMessageTimeout, lifetime: options.maximumLifetime,
            writeStall: options.writeStallTimeout, softLimit: options.softSendLimitTime)
        quietLimits = DeadlineLimits(
            idle: options.idleTimeout, idleCountsSent: options.idleCountsSent,
            firstFrame: options.firstMessageTimeout, lifetime: options.maximumLifetime)
        hasQuietLimits = !quietLimits.areNone
        hasRates = options.bytesPerSecond != nil || options.messagesPerSecond != nil
        handlerTimeLimit = options.handlerTimeWarning.map { $0.wholeMilliseconds } ?? 0
        self.onMessageReceived = onMessageReceived
    }

    /// The same with another handler of messages, and the same callbacks. Another object, because the
    /// handler is a constant: to call a variable would retain it for each message.
    init(
        _ other: ConnectionEvents,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        options = other.options
        coder = other.coder
        limits = other.limits
        quietLimits = other.quietLimits
        hasQuietLimits = other.hasQuietLimits
        hasRates = other.hasRates
        handlerTimeLimit = other.handlerTimeLimit
        guards = other.guards
        outboundBudget = other.outboundBudget
        self.onMessageReceived = onMessageReceived
        (onConnected, onDisconnected) = (other.onConnected, other.onDisconnected)
        (onPeerFinished, onDrained) = (other.onPeerFinished, other.onDrained)
        (onBegun, makeLayer) = (other.onBegun, other.makeLayer)
    }

    /// Lets go of the callbacks, which often refer to the agent: the two would keep each other for ever.
    func releaseCallbacks() {
        (onConnected, onDisconnected) = (nil, nil)
        (onPeerFinished, onDrained, onBegun) = (nil, nil, nil)
    }

    func receive(_ message: Span<UInt8>, from connection: UVConnection) {
        onMessageReceived(connection, message)
    }

    /// A handler took so long, if that is long.
    ///
    /// - Parameters:
    ///   - time: How long, in milliseconds.
    ///   - connection: Whose handler it was, where that is known.
    ///   - loop: The loop, on which every other connection waited.
    func handlerTook(_ time: UInt64, for connection: UVConnection?, on loop: UVLoop) {
        guard time >= handlerTimeLimit else { return }
        guards.slowHandlers += 1
        guard let times = loop.throttles.slowHandlers.times() else { return }
        var metadata: Logger.Metadata = ["times": "\(times)"]
        if let connection {
            metadata["connection"] = "\(connection.id)"
            metadata["peer"] = "\(connection.peer)"
        }
        loop.logger.warning(
            "a handler took \(time) ms, and every other connection waited for it",
            metadata: metadata)
    }

    // What these hold themselves they need not retain for the call.

    @inline(__always)
    func deliver(
        _ chunk: Span<UInt8>, to connection: UVConnection, _ borrower: Borrower?,
        _ failure: inout (any Error)?
    ) throws(FramingError) -> Int {
        try coder?.deliver(chunk, to: connection, borrower, &failure) ?? 0
    }

    @inline(__always)
    func take(
        of bytes: Span<UInt8>, _ taken: inout Int, for connection: UVConnection
    ) throws(FramingError) -> [UInt8]? {
        try coder?.take(of: bytes, &taken, for: connection)
    }

    /// Nil where nothing frames messages.
    @inline(__always)
    func send(_ message: Span<UInt8>, on connection: UVConnection) -> UVSendResult? {
        coder?.send(message, on: connection)
    }
}
