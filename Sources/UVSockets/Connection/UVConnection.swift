/// One end of a connection: to a ``UVListener``'s client, or to a ``UVConnector``'s server.
///
/// The connection runs over TCP or over a Unix-domain socket.
///
/// It belongs to its loop's thread. You get it in callbacks, and you may keep it. It stays valid
/// after it has ended: then sending does nothing, and the counters keep their values.
///
/// It never calls you back from within your own call. Anything that fails or ends in
/// ``send(_:)-(Span<UInt8>)``, ``close()`` or ``reset()`` is reported later by `onDisconnected`,
/// exactly once.
public final class UVConnection: Identifiable {
    /// Counts the connections of a listener or connector from 1, in the order they began.
    ///
    /// An id is not used again. On a server with N loops each loop counts in steps of N, so no two
    /// ids are the same.
    public typealias ID = UInt64

    // The fields that each message uses come first, together in two cache lines. They are internal,
    // not public with a private setter. So the compiler sees every access and needs no exclusivity
    // check for each message.

    /// The loop it belongs to.
    public let loop: UVLoop
    let handle: StreamHandle
    let events: ConnectionEvents
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    var messagesIn: UInt64 = 0
    /// A copy of `queue.bytes`, kept here for the same reason. Only the outlet writes it.
    var queuedBytes = 0
    var extras: ConnectionExtras?
    /// Receives its messages instead of the agent's handler.
    var sink: (any MessageSink)?
    var rates: ReceiveRates?
    var deadlines: ConnectionDeadlines
    var state = ConnectionState()
    var watermark = Watermark()
    var isGathered = false
    var holds: ReceiveHolds = []
    /// Whether the stall timeout does not apply.
    var isStallExempt = false
    /// Whether a sender was told that the queue is full, and not yet that there is room again.
    var owesDrained = false
    /// Whether `onDrained` must be called when the current callback has ended.
    var isDrainedDue = false
    /// This client's index in the listener's table. Only the table writes it.
    var tableIndex: Int32 = 0

    /// The connection's id within its listener or connector.
    public let id: ID
    var token: AnyObject?
    let agent: any ConnectionAgent
    let peerAddress: SocketAddress
    /// The bytes that the kernel has not taken yet. Nil if nothing has had to wait so far. Only the
    /// outlet writes it.
    var queue: SendQueue?
    /// How many bytes the write in flight had left at the last check. When the connection lingers
    /// or has ended, how many bytes the peer had not acknowledged yet.
    var unwritten: UInt32 = 0
    /// How many bytes at the front of the queue are in the write in flight. At most 1 MiB.
    var bytesInFlight: UInt32 = 0
    var deadlineSlot: DeadlineSlot?

    init(
        _ handle: StreamHandle, peer: SocketAddress, id: ID, of agent: any ConnectionAgent,
        _ events: ConnectionEvents
    ) {
        self.handle = handle
        loop = handle.loop
        self.peerAddress = peer
        self.id = id
        self.agent = agent
        self.events = events
        rates = events.settings.hasRates ? ReceiveRates(events.settings.options) : nil
        deadlines = ConnectionDeadlines(openedAt: handle.loop.now, events.settings.limits)
        handle.attach(to: self)
    }

    /// How many bytes were received.
    public var bytesReceived: UInt64 {
        loop.confine("UVConnection.bytesReceived")
        return bytesIn
    }

    /// How many bytes the kernel has taken to send.
    public var bytesSent: UInt64 {
        loop.confine("UVConnection.bytesSent")
        return bytesOut
    }

    /// How many whole messages were received. Without a framing, the number of reads.
    public var messagesReceived: UInt64 {
        loop.confine("UVConnection.messagesReceived")
        return messagesIn
    }

    /// The options that set how it behaves: those of its listener or connector, unless you set
    /// others for this connection.
    ///
    /// Other options hold from now on. Times count from the last event, such as the last byte that
    /// came, not from the change. Rates start anew. `keepAlive` is changed for the kernel's probes;
    /// how often the library looks for vanished peers stays the listener's affair. A task's
    /// connection stays half-open when its peer has finished, whatever the options say.
    public var options: UVConnectionOptions {
        get { confined("UVConnection.options").settings.options }
        set { confined("UVConnection.options").use(newValue) }
    }
    /// The listener of this client. Nil for a connector's connection.
    public var listener: UVListener? {
        loop.confine("UVConnection.listener")
        return agent as? UVListener
    }

    /// The address of the other end.
    ///
    /// The client of a Unix-domain socket has no address. It is shown by its credentials, such as
    /// `pid 812, uid 1000`.
    public var peer: UVEndpoint {
        loop.confine("UVConnection.peer")
        return peerEndpoint
    }

    /// The same, for any thread: it depends on constants alone.
    var peerEndpoint: UVEndpoint {
        if isUnix, let connector = agent as? UVConnector { return connector.endpoint }
        return peerAddress.endpoint
    }

    /// The address of this end.
    ///
    /// Nil once the connection has ended. Also nil for a connector's connection to a Unix-domain
    /// socket.
    public var localEndpoint: UVEndpoint? {
        loop.confine("UVConnection.localEndpoint")
        guard isUnix else { return handle.localAddress?.endpoint }
        return handle.isClosing ? nil : listener?.unixEndpoint(of: handle)
    }

    /// Whether it is a connection over a Unix-domain socket.
    var isUnix: Bool { peerAddress.isUnix }
    /// How long ago the connection began.
    public var age: Duration {
        loop.confine("UVConnection.age")
        return .milliseconds(loop.now - deadlines.openedAt)
    }

    /// Whether a write is in flight.
    var isWriting: Bool { bytesInFlight > 0 }
    /// How many sent bytes the kernel has not taken yet.
    public var bytesQueued: Int {
        loop.confine("UVConnection.bytesQueued")
        return queuedBytes + (loop.cork.isUsed(by: self) ? loop.cork.bytes : 0)
    }
    /// Whether you can still send.
    public var isOpen: Bool {
        loop.confine("UVConnection.isOpen")
        return state.acceptsBytes
    }

    /// An object of your choice that you want to find at this connection. The connection retains
    /// it.
    public var userToken: AnyObject? {
        get { confined("UVConnection.userToken").token }
        set { confined("UVConnection.userToken").token = newValue }
    }
}
