/// One end of a TCP connection, of a ``UVListener``'s client or a ``UVConnector``'s server.
///
/// It belongs to its loop's thread. You get it in callbacks; you may keep it, and it stays valid
/// after it has ended, when sending does nothing and the counters still tell.
///
/// It is never called from within your own call: whatever fails or ends in ``send(_:)-(Span<UInt8>)``,
/// ``close()`` or ``reset()`` is reported later, by `onDisconnected`, exactly once.
public final class UVConnection: Identifiable {
    /// Counts from 1 in the order in which an agent's connections began, and is not used again. Of a
    /// server on many loops each counts in steps of their number, so that no two are the same.
    public typealias ID = UInt64

    // What each message touches stands first, together in two cache lines. It is internal, not public
    // with a private setter: the compiler then sees every access there is, and needs no check of
    // exclusivity for each message.

    /// The loop it belongs to.
    public let loop: UVLoop
    let handle: StreamHandle
    let events: ConnectionEvents
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    var messagesIn: UInt64 = 0
    /// `queue.bytes`, kept apart for the same reason. The outlet's to write.
    var queuedBytes = 0
    var extras: ConnectionExtras?
    /// What gets its messages in place of the agent's handler.
    var sink: (any MessageSink)?
    let rates: ReceiveRates?
    var deadlines: ConnectionDeadlines
    var state = ConnectionState()
    var watermark = Watermark()
    var isGathered = false
    var holds: ReceiveHolds = []
    /// Whether it may take nothing for as long as it likes.
    var isStallExempt = false
    /// Whether it was said that the queue is full, and not yet that it is not any more.
    var owesDrained = false
    /// Whether `onDrained` is to be called when the present callback has ended.
    var isDrainedDue = false
    /// Where the listener's table has this client; the table's to write.
    var tableIndex: Int32 = 0

    /// Which of its agent's connections this is.
    public let id: ID
    var token: AnyObject?
    let agent: any ConnectionAgent
    let peerAddress: SocketAddress
    /// What the kernel has not taken yet; nil where nothing has had to wait so far. The outlet's to write.
    var queue: SendQueue?
    /// What the write in flight had still to write when it was looked at last; when the connection
    /// lingers, and when it has ended, what the peer had still to acknowledge.
    var unwritten: UInt32 = 0
    /// How many bytes at the queue's front the write in flight has, at most 1 MiB.
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
        rates = events.hasRates ? ReceiveRates(events.options) : nil
        deadlines = ConnectionDeadlines(openedAt: handle.loop.now, events.limits)
        handle.attach(to: self)
    }

    /// How many bytes came in.
    public var bytesReceived: UInt64 {
        loop.confine("UVConnection.bytesReceived")
        return bytesIn
    }

    /// How many bytes the kernel has taken to send.
    public var bytesSent: UInt64 {
        loop.confine("UVConnection.bytesSent")
        return bytesOut
    }

    /// How many messages came in whole; without a framing, how many times bytes did.
    public var messagesReceived: UInt64 {
        loop.confine("UVConnection.messagesReceived")
        return messagesIn
    }

    /// How it behaves.
    public var options: UVConnectionOptions { events.options }
    /// The listener whose client this is; nil for a connector's connection.
    public var listener: UVListener? {
        loop.confine("UVConnection.listener")
        return agent as? UVListener
    }

    /// The other end's address. The client of a Unix-domain socket has none: it is known by its
    /// credentials, `pid 812, uid 1000`.
    public var peer: UVEndpoint {
        loop.confine("UVConnection.peer")
        if isUnix, let connector = agent as? UVConnector { return connector.endpoint }
        return peerAddress.endpoint
    }

    /// This end's address; nil once the connection has ended, and for a client of a Unix-domain socket.
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
    /// How many bytes were sent that the kernel has not taken yet.
    public var bytesQueued: Int {
        loop.confine("UVConnection.bytesQueued")
        return queuedBytes + (loop.cork.isUsed(by: self) ? loop.cork.bytes : 0)
    }
    /// Whether bytes can still be sent.
    public var isOpen: Bool {
        loop.confine("UVConnection.isOpen")
        return state.acceptsBytes
    }

    /// Anything you want to find again at this connection. The connection retains it.
    public var userToken: AnyObject? {
        get {
            loop.confine("UVConnection.userToken")
            return token
        }
        set {
            loop.confine("UVConnection.userToken")
            token = newValue
        }
    }
}
