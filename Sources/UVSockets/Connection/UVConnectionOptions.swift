/// How a connection behaves; given to the listener or connector that makes it.
///
/// Sizes below 0 count as 0. Times below a millisecond count as one, and the longest as some 49 days or
/// as for ever. A rate below 1 is a programmer's error, which traps when the listener or connector is
/// made.
public struct UVConnectionOptions: Sendable {
    /// Whether small writes leave at once (TCP_NODELAY) rather than wait for an acknowledgement of
    /// earlier ones. True by default: what is sent in one callback is gathered anyway.
    public var noDelay = true

    /// How a silent peer is probed; nil never notices one whose machine or network is gone. By
    /// default it is noticed after two minutes, and ends with ``UVEndReason/peerVanished``. On Linux
    /// also one that leaves what was sent to it unacknowledged for so long, give or take a tenth. A
    /// peer that acknowledges, and does not read, is not silent: see ``writeStallTimeout``.
    public var keepAlive: UVKeepAlive? = UVKeepAlive()

    /// How many queued bytes are too many: ``UVConnection/send(_:)-(Span<UInt8>)`` answers
    /// ``UVSendResult/takenButFull``, and where ``holdsAboveHighWatermark`` is set nothing is received any more, until no more
    /// than ``lowWatermark`` are queued. 64 KiB by default.
    public var highWatermark = 64 * 1024

    /// How few queued bytes end what passing the ``highWatermark`` began. 16 KiB by default.
    public var lowWatermark = 16 * 1024

    /// Whether a connection that is above its high watermark receives nothing, so that a peer that
    /// sends requests and reads no replies holds back only itself.
    ///
    /// By default so on a listener's connections and not on a connector's: if both ends of one
    /// connection did it, each could wait for the other to read first, for ever.
    public var holdsAboveHighWatermark: Bool

    /// How many queued bytes end the connection with ``UVEndReason/slowReceiver``.
    ///
    /// Checked before each send, so that a queue never holds more than this and one message.
    /// 16 MiB by default.
    public var sendLimit = 16 * 1024 * 1024

    /// How long the kernel may take none of the queued bytes before the connection is reset, as
    /// ``UVEndReason/stalled``: its peer reads nothing at all. 30 seconds by default; nil waits for
    /// as long as the ``sendLimit`` is not passed. Progress counts from when it is noticed, so that a
    /// stall within one large write can last twice as long.
    public var writeStallTimeout: Duration? = .seconds(30)

    /// How many queued bytes may not stay queued for the ``softSendLimitTime``. 4 MiB by default.
    public var softSendLimit = 4 * 1024 * 1024

    /// How long more bytes than the ``softSendLimit`` may be queued before the connection is reset,
    /// as ``UVEndReason/slowReceiver``; nil, the default, for as long as it takes.
    public var softSendLimitTime: Duration?

    /// How long nothing may be received before the connection is closed, as ``UVEndReason/idle``;
    /// nil, the default, for ever. As all these times, up to 0.2 seconds late. What waits unread
    /// because the connection is paused, or held back, has not been received.
    public var idleTimeout: Duration?

    /// Whether bytes that the kernel takes to send also keep a connection from being idle. False by
    /// default: only the peer can show that it is there.
    public var idleCountsSent = false

    /// How long the first message may take to come whole before the connection is closed, as
    /// ``UVEndReason/noFirstMessage``; nil, the default, for ever. It ends those who connect and send
    /// nothing, or a byte now and then.
    public var firstMessageTimeout: Duration?

    /// How long a connection may last before it is closed, as ``UVEndReason/lifetimeOver``; nil, the
    /// default, for ever.
    public var maximumLifetime: Duration?

    /// How many bytes a peer may send a second, at least 1; nil, the default, for any number.
    ///
    /// A peer that sends more is held back, by TCP, not ended: a second's worth may come at once, and
    /// over any longer time no more than this number for each second, and so much and one read of
    /// 64 KiB more.
    public var bytesPerSecond: Int?

    /// How many messages a peer may send a second, at least 1; nil, the default, for any number. Those
    /// beyond wait, as with ``bytesPerSecond``. Without a framing each read counts as one.
    public var messagesPerSecond: Int?

    /// How many bytes are received of one connection before the others have their turn, in steps of
    /// 64 KiB, which is at least what it is. 256 KiB by default.
    public var receiveBudget = 256 * 1024

    /// How long the handler of what was received in one read may take before a warning is logged, at
    /// most one a second, because every other connection has waited for it; nil, the default, logs
    /// none. Exact to a few milliseconds, on Linux to one tick of the kernel's clock.
    public var handlerTimeWarning: Duration?

    /// How long ``UVConnection/close()`` waits for queued bytes to leave before it gives up and
    /// resets the connection. 30 seconds by default.
    public var flushTimeout: Duration = .seconds(30)

    /// How long ``UVConnection/close()`` waits, when all bytes have left, for the peer to finish
    /// too, discarding what it sends. Closed sooner, a socket with unread bytes would be reset, and
    /// the reset could overtake the last bytes (RFC 9293 §3.6.1). 2 seconds by default.
    ///
    /// On Linux a peer that meanwhile takes bytes that the kernel still holds for it is given this
    /// time again, ``flushTimeout`` at most.
    public var lingerTimeout: Duration = .seconds(2)

    /// Whether a peer that has finished sending may be answered for as long as you like.
    ///
    /// False by default: when the peer finishes, what is queued is sent, and the connection is
    /// closed. If true, `onPeerFinished` is called, and closing is up to you.
    public var allowsHalfOpen = false

    /// The options with every size and count within its bounds. Times are brought within theirs where
    /// they are used.
    var withinBounds: Self {
        precondition(
            bytesPerSecond ?? 1 > 0, "UVConnectionOptions.bytesPerSecond is at least 1")
        precondition(
            messagesPerSecond ?? 1 > 0, "UVConnectionOptions.messagesPerSecond is at least 1")
        var options = self
        options.highWatermark = max(0, highWatermark)
        options.lowWatermark = min(max(0, lowWatermark), options.highWatermark)
        options.sendLimit = max(0, sendLimit)
        options.softSendLimit = max(0, softSendLimit)
        options.receiveBudget = max(ReceiveBuffer.capacity, receiveBudget)
        return options
    }

    /// Options for the connections of a listener.
    public static var listener: Self { Self(holdsAboveHighWatermark: true) }
    /// Options for the connection of a connector.
    public static var connector: Self { Self(holdsAboveHighWatermark: false) }

    private init(holdsAboveHighWatermark: Bool) {
        self.holdsAboveHighWatermark = holdsAboveHighWatermark
    }
}

/// How a silent peer is probed (TCP keep-alive), in whole seconds of at least 1 and at most 32,767.
public struct UVKeepAlive: Sendable {
    /// How long the peer may be silent before the first probe.
    public var idle: Duration
    /// The time between probes.
    public var interval: Duration
    /// How many probes without an answer end the connection, 1 to 127.
    public var count: Int

    /// Describes how a silent peer is probed.
    ///
    /// - Parameters:
    ///   - idle: How long it may be silent.
    ///   - interval: The time between probes.
    ///   - count: How many of them stay without an answer.
    public init(
        idle: Duration = .seconds(60), interval: Duration = .seconds(10), count: Int = 6
    ) {
        self.idle = idle
        self.interval = interval
        self.count = count
    }
}
