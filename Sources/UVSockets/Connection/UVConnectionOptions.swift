/// How a connection behaves. You give it to the listener or connector that makes the connection.
///
/// Sizes below 0 count as 0. Times below a millisecond count as one millisecond. Times that are too
/// long count as about 49 days or as for ever. A rate below 1 is a programmer error: it traps when
/// the listener or connector is made.
public struct UVConnectionOptions: Sendable {
    /// Whether small writes leave at once (TCP_NODELAY). True by default.
    ///
    /// If false, they wait for an acknowledgement of earlier writes. The default is true because
    /// everything sent in one callback is gathered anyway.
    public var noDelay = true

    /// How many bytes the kernel may hold for the peer (SO_SNDBUF). Nil, the default, lets the
    /// kernel decide.
    ///
    /// The kernel doubles it, and has bounds of its own (socket(7)). With less, more waits in the
    /// library's queue, where `.keepLatest` can replace it, and where limits count it.
    public var sendBufferSize: Int?

    /// How many bytes the kernel takes that it has not sent yet (TCP_NOTSENT_LOWAT). Nil, the
    /// default, lets the kernel decide.
    ///
    /// With 16 KiB, a value sent by `.keepLatest` is as old as the network makes it, not as old as
    /// the kernel's buffer. It costs more wake-ups. It has no effect on a Unix-domain socket.
    public var unsentLimit: Int?

    /// How a silent peer is probed. Nil means not to probe.
    ///
    /// By default a peer whose machine or network is gone is noticed after two minutes, and the
    /// connection ends with ``UVEndReason/peerVanished``. With nil such a peer is never noticed. On
    /// Linux this also ends a peer that acknowledges nothing of what was sent to it for this long,
    /// give or take a tenth. A peer that acknowledges but does not read is not silent: see
    /// ``writeStallTimeout``.
    public var keepAlive: UVKeepAlive? = UVKeepAlive()

    /// How many queued bytes count as too many. 64 KiB by default.
    ///
    /// Above this, ``UVConnection/send(_:)-(Span<UInt8>)`` returns ``UVSendResult/takenButFull``.
    /// If ``holdsAboveHighWatermark`` is set, nothing is received either. Both last until at most
    /// ``lowWatermark`` bytes are queued.
    public var highWatermark = 64 * 1024

    /// At how many queued bytes the effects of the ``highWatermark`` end. 16 KiB by default.
    public var lowWatermark = 16 * 1024

    /// Whether a connection above its high watermark receives nothing.
    ///
    /// Then a peer that sends requests and reads no replies holds back only itself.
    ///
    /// It is true for a listener's connections and false for a connector's. If both ends of one
    /// connection did it, each could wait for ever for the other to read first.
    public var holdsAboveHighWatermark: Bool

    /// How many queued bytes end the connection with ``UVEndReason/slowReceiver``.
    ///
    /// 16 MiB by default. It is checked before each send, so a queue never holds more than this and
    /// one message.
    public var sendLimit = 16 * 1024 * 1024

    /// How long the kernel may take no queued bytes before the connection is reset.
    ///
    /// 30 seconds by default. The reason is ``UVEndReason/stalled``: the peer reads nothing at all.
    /// Nil waits as long as the ``sendLimit`` is not passed. Progress counts from the moment it is
    /// noticed, so a stall within one large write can last twice as long.
    public var writeStallTimeout: Duration? = .seconds(30)

    /// How many queued bytes may not stay queued longer than ``softSendLimitTime``.
    ///
    /// 4 MiB by default.
    public var softSendLimit = 4 * 1024 * 1024

    /// How long the queue may be above ``softSendLimit`` before the connection is reset.
    ///
    /// The reason is ``UVEndReason/slowReceiver``. Nil, the default, means for ever.
    public var softSendLimitTime: Duration?

    /// How long nothing may be received before the connection is closed.
    ///
    /// The reason is ``UVEndReason/idle``. Nil, the default, means for ever. Like all these times,
    /// it can be up to 0.2 seconds late. Bytes that wait unread, because the connection is paused
    /// or held back, do not count as received.
    public var idleTimeout: Duration?

    /// Whether bytes that the kernel takes to send also end idleness.
    ///
    /// False by default, because only the peer can show that it is there.
    public var idleCountsSent = false

    /// How long the first whole message may take before the connection is closed.
    ///
    /// The reason is ``UVEndReason/noFirstMessage``. Nil, the default, means for ever. It ends
    /// clients that connect and send nothing, or only a byte now and then.
    public var firstMessageTimeout: Duration?

    /// How long a message may take to come whole, from its first byte, before the connection is
    /// closed.
    ///
    /// The reason is ``UVEndReason/messageTooSlow``. Nil, the default, means for ever. It ends
    /// clients that send a byte now and then. Time in which nothing is received from the client,
    /// because it is paused or held back, does not count. Without a framing it has no effect.
    public var messageTimeout: Duration?

    /// How long a connection may last before it is closed.
    ///
    /// The reason is ``UVEndReason/lifetimeOver``. Nil, the default, means for ever.
    public var maximumLifetime: Duration?

    /// How many bytes a peer may send per second, at least 1. Nil, the default, means any number.
    ///
    /// TCP holds back a peer that sends more; the peer is not ended. One second's worth may come at
    /// once. Over a longer time, the bound is this number for each second, plus this number once,
    /// plus one read of 64 KiB.
    public var bytesPerSecond: Int?

    /// How many messages a peer may send per second, at least 1. Nil, the default, means any
    /// number.
    ///
    /// Further messages wait, as for ``bytesPerSecond``. Without a framing each read counts as one
    /// message.
    public var messagesPerSecond: Int?

    /// How many bytes one connection may receive before the others have their turn. 256 KiB by
    /// default.
    ///
    /// It works in steps of 64 KiB, and is at least 64 KiB.
    public var receiveBudget = 256 * 1024

    /// How long the handler of one read may take before a warning is logged.
    ///
    /// All other connections wait for the handler. There is at most one warning per second. Nil,
    /// the default, logs none. The time is exact to a few milliseconds, on Linux to one tick of the
    /// kernel's clock.
    public var handlerTimeWarning: Duration?

    /// How long ``UVConnection/close()`` waits for queued bytes to leave. 30 seconds by default.
    ///
    /// After that it resets the connection.
    public var flushTimeout: Duration = .seconds(30)

    /// How long ``UVConnection/close()`` waits for the peer to finish, too. 2 seconds by default.
    ///
    /// The wait begins when all bytes have left. What the peer sends meanwhile is discarded. An
    /// earlier close would reset a socket with unread bytes, and the reset could overtake the last
    /// bytes (RFC 9293 §3.6.1).
    ///
    /// On Linux a peer that meanwhile takes bytes from the kernel gets this time again, up to
    /// ``flushTimeout`` in total.
    public var lingerTimeout: Duration = .seconds(2)

    /// Whether you may still answer a peer that has finished sending, for as long as you like.
    ///
    /// False by default: when the peer finishes, what is queued is sent, and the connection is
    /// closed. If true, `onPeerFinished` is called, and you must close the connection.
    public var allowsHalfOpen = false

    /// What a peer is told before its connection ends by ``UVEndReason/framing(_:)``, as bytes that
    /// are sent without a framing: for example `-ERR Protocol error` and its line end.
    ///
    /// It is called on the loop. Nil, the default, or no bytes tell nothing.
    public var framingErrorAnswer: (@Sendable (FramingError) -> [UInt8])?

    /// Whether the task that handles a client is cancelled when the client's connection ends
    /// otherwise than by the handler's own doing.
    ///
    /// True by default: a handler that waits for something else learns that its client has gone.
    /// It concerns the handlers of servers, not the closure of a `connect`, which is part of your
    /// own task. See also ``UVAsyncConnection/ended``.
    public var cancelsHandlerAtEnd = true

    /// How many tasks of ``UVConnection/task(_:)`` may run before no further message is received, at
    /// least 1. 64 by default.
    ///
    /// With 1 the messages of a connection are handled one after the other, in their order.
    public var taskLimit = 64

    /// The options with every size and count within its bounds. Times are limited where they are
    /// used.
    var withinBounds: Self {
        precondition(
            bytesPerSecond ?? 1 > 0, "UVConnectionOptions.bytesPerSecond must be at least 1")
        precondition(
            messagesPerSecond ?? 1 > 0, "UVConnectionOptions.messagesPerSecond must be at least 1")
        var options = self
        options.highWatermark = max(0, highWatermark)
        options.lowWatermark = min(max(0, lowWatermark), options.highWatermark)
        options.sendLimit = max(0, sendLimit)
        options.softSendLimit = max(0, softSendLimit)
        options.taskLimit = max(1, taskLimit)
        options.sendBufferSize = sendBufferSize.map { min(max(1, $0), Int(Int32.max)) }
        options.unsentLimit = unsentLimit.map { min(max(1, $0), Int(Int32.max)) }
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

/// How a silent peer is probed (TCP keep-alive). Times are whole seconds from 1 to 32,767.
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
    ///   - idle: How long the peer may be silent before the first probe.
    ///   - interval: The time between probes.
    ///   - count: How many probes without an answer end the connection.
    public init(
        idle: Duration = .seconds(60), interval: Duration = .seconds(10), count: Int = 6
    ) {
        self.idle = idle
        self.interval = interval
        self.count = count
    }
}
