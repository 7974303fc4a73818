internal import Logging
import Synchronization

/// The owner of a connection: a listener or a connector.
protocol ConnectionAgent: AnyObject {
    /// The connection is open. Its user is to be told.
    func connectionDidOpen(_ connection: UVConnection)
    /// The connection's socket is closed.
    func connectionDidEnd(_ connection: UVConnection, _ reason: UVEndReason)
    /// More bytes are queued than the budget allows.
    func outboundBudgetPassed()
    /// Whether the bytes that are lost when a connection ends are counted.
    var countsLosses: Bool { get }
    /// Whether `onDrained` is also called when nothing can be sent to a slow peer any more.
    var isToldOfSlowEnds: Bool { get }
}

/// What all connections of a listener or connector share: settings, counts and callbacks.
final class ConnectionEvents {
    let settings: ConnectionSettings
    /// The number of the listener or connector within the process, for what is recorded.
    let number: UInt32
    let coder: FrameCoder?
    /// How often the guards have acted.
    var guards = GuardCounts()
    /// The bytes in the queues of all open connections, and the limit for them.
    var queuedBytes = 0
    var outboundBudget: Int

    // The user's callbacks.
    let onMessageReceived: (UVConnection, Span<UInt8>) -> Void
    var onConnected: ((UVConnection) -> Void)?
    var onDisconnected: ((UVConnection, UVEndReason) -> Void)?
    var onPeerFinished: ((UVConnection) -> Void)?
    var onDrained: ((UVConnection) -> Void)?

    /// Makes the layer between the wire and the framing of each connection. Nil means no layer.
    var makeLayer: (() -> any WireLayer)?
    /// The server that the clients of tasks belong to. Other threads ask for it, too.
    let server: Locked<UVServerHandle?>
    /// What the library itself does when a slow connection has room again or ends.
    var onRoom: (() -> Void)?
    /// What the library itself does when a connection has begun, after the user was told.
    var onBegun: ((UVConnection) -> Void)?
    /// Those who watch all connections, such as taps.
    var watchers: [any ConnectionWatcher] = []

    private static let last = Atomic<UInt32>(0)

    init(
        _ options: UVConnectionOptions, _ framing: UVFraming, outboundBudget: Int = .max,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        server = Locked(nil)
        number = Self.last.add(1, ordering: .relaxed).newValue
        settings = ConnectionSettings(options)
        self.outboundBudget = max(0, outboundBudget)
        coder = FrameCoder.of(framing)
        self.onMessageReceived = onMessageReceived
    }

    /// A copy with another message handler and the same callbacks. A copy is needed because the
    /// handler is a constant. A variable handler would be retained for each message.
    init(
        _ other: ConnectionEvents,
        onMessageReceived: @escaping (UVConnection, Span<UInt8>) -> Void
    ) {
        server = other.server
        number = other.number
        settings = other.settings
        coder = other.coder
        guards = other.guards
        outboundBudget = other.outboundBudget
        self.onMessageReceived = onMessageReceived
        (onConnected, onDisconnected) = (other.onConnected, other.onDisconnected)
        (onPeerFinished, onDrained) = (other.onPeerFinished, other.onDrained)
        (onBegun, makeLayer, onRoom) = (other.onBegun, other.makeLayer, other.onRoom)
        watchers = other.watchers
    }

    /// Releases the callbacks. This breaks reference cycles, because callbacks often refer to the
    /// agent.
    func releaseCallbacks() {
        (onConnected, onDisconnected) = (nil, nil)
        (onPeerFinished, onDrained, onBegun) = (nil, nil, nil)
        server.withLock { $0 = nil }
        endWatchers()
    }

    func receive(_ message: Span<UInt8>, from connection: UVConnection) {
        onMessageReceived(connection, message)
    }

    var options: UVConnectionOptions { settings.options }
    var handlerTimeLimit: UInt64 { settings.handlerTimeLimit }

    /// A handler has returned. Counts and logs it if it took too long.
    ///
    /// - Parameters:
    ///   - time: How long it took, in milliseconds.
    ///   - connection: The connection that the handler was for, if known.
    ///   - loop: The loop, on which all other connections waited.
    func handlerTook(_ time: UInt64, for connection: UVConnection?, on loop: UVLoop) {
        guard time >= handlerTimeLimit else { return }
        guards.slowHandlers += 1
        if let connection { loop.record(.slowHandler, connection, time) }
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

    // This object holds the coder, so these calls need not retain it.

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

    /// Nil if there is no framing.
    @inline(__always)
    func send(_ message: Span<UInt8>, on connection: UVConnection) -> UVSendResult? {
        coder?.send(message, on: connection)
    }
}
