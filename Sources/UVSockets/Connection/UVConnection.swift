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
    private var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    private(set) var messagesIn: UInt64 = 0
    /// `queue.bytes`, kept apart for the same reason.
    private(set) var queuedBytes = 0
    var frames: FrameReader?
    /// Where its messages are awaited, if they are.
    var session: UVAsyncConnection?
    let rates: ReceiveRates?
    var deadlines: ConnectionDeadlines
    var state = ConnectionState()
    var watermark = Watermark()
    var isGathered = false
    var holds: ReceiveHolds = []
    /// Who gets what it receives.
    var reader = MessageReader.handler
    /// Whether it was said that the queue is full, and not yet that it is not any more.
    var owesDrained = false
    /// Whether `onDrained` is to be called when the present callback has ended.
    var isDrainedDue = false
    /// Where the listener's table has this client; the table's to write.
    var tableIndex: Int32 = 0

    /// Which of its agent's connections this is.
    public let id: ID
    /// Anything you want to find again at this connection. The connection retains it.
    public var userToken: AnyObject?
    let agent: any ConnectionAgent
    let peerAddress: SocketAddress
    /// What the kernel has not taken yet; nil where nothing has had to wait so far. Changed by
    /// `enqueue` and `dequeue` only.
    private(set) var queue: SendQueue?
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
    public var bytesReceived: UInt64 { bytesIn }
    /// How many bytes the kernel has taken to send.
    public var bytesSent: UInt64 { bytesOut }
    /// How many messages came in whole; without a framing, how many times bytes did.
    public var messagesReceived: UInt64 { messagesIn }
    /// How it behaves.
    public var options: UVConnectionOptions { events.options }
    /// The listener whose client this is; nil for a connector's connection.
    public var listener: UVListener? { agent as? UVListener }
    /// The other end's address. The client of a Unix-domain socket has none: it is known by its
    /// credentials, `pid 812, uid 1000`.
    public var peer: UVEndpoint {
        if isUnix, let connector = agent as? UVConnector { return connector.endpoint }
        return peerAddress.endpoint
    }

    /// This end's address; nil once the connection has ended, and for a client of a Unix-domain socket.
    public var localEndpoint: UVEndpoint? {
        guard isUnix else { return handle.localAddress?.endpoint }
        return handle.isClosing ? nil : listener?.endpoint
    }

    /// Whether it is a connection over a Unix-domain socket.
    var isUnix: Bool { peerAddress.isUnix }
    /// How long ago the connection began.
    public var age: Duration { .milliseconds(loop.now - deadlines.openedAt) }
    /// Whether a write is in flight.
    var isWriting: Bool { bytesInFlight > 0 }
    /// How many bytes were sent that the kernel has not taken yet.
    public var bytesQueued: Int {
        queuedBytes + (loop.cork.isUsed(by: self) ? loop.cork.bytes : 0)
    }
    /// Whether bytes can still be sent.
    public var isOpen: Bool { state.acceptsBytes }

    @inline(__always)
    func enqueue(_ change: (SendQueue) -> Void) {
        let queue = queue ?? makeQueue()
        change(queue)
        queueChanged(to: queue.bytes)
    }

    private func makeQueue() -> SendQueue {
        let made = SendQueue()
        queue = made
        return made
    }

    /// The agent's sum counts the queues of open connections.
    private func queueChanged(to bytes: Int) {
        if !state.isClosed { events.queuedBytes += bytes - queuedBytes }
        queuedBytes = bytes
    }

    /// The kernel has taken bytes off the queue's front.
    func dequeue(_ count: Int) {
        enqueue { $0.consume(count) }
        bytesOut += UInt64(count)
        if count > 0 { deadlines.sent(at: loop.now) }
    }

    // MARK: - The receive cycle

    /// Starts to receive: the loop's shuttle is given its first request.
    func startReceive() {
        if wantsToReceive { receive(loop.receiveArgs) }
        watch()
    }

    /// Asks for the next bytes. Not to ask again is what holds a peer back.
    @inline(__always)
    func receive(_ args: SocketEventArgs) {
        let pending = handle.receive(args)
        if !pending { onReceiveCompleted(args) }
    }

    /// A receive ended; the bytes, or the error, are in the shuttle.
    func onReceiveCompleted(_ args: SocketEventArgs) {
        if let error = args.error { return receiveFailed(error) }
        bytesIn += UInt64(args.bytesTransferred)
        deadlines.received(at: loop.now)
        if args.bytesTransferred == ReceiveBuffer.capacity { filledBuffer() }
        if state.delivers {
            args.buffer.withBytes(args.bytesTransferred) { bytes in
                receiving {
                    if frames != nil || events.coder != nil {
                        deliverFrames(bytes)
                    } else if reader == .task {
                        deliverWhole(bytes)
                    } else {
                        messageReceived(bytes)
                    }
                }
            }
            if rates != nil { countReceived(bytes: args.bytesTransferred) }
        }
        if wantsToReceive { receive(args) }
    }

    @inline(__always)
    func noteMessage() {
        deadlines.frameReceived()
        messagesIn += 1
    }

    @inline(__always)
    func messageReceived(_ message: Span<UInt8>) {
        noteMessage()
        events.receive(message, from: self)
        if rates != nil { countMessage() }
    }

    /// A message for the closure that a task lends them to.
    @inline(__always)
    func messageLent(
        _ message: Span<UInt8>, by session: UVAsyncConnection,
        to borrower: (Span<UInt8>) throws -> Void
    ) {
        noteMessage()
        session.lend(message, to: borrower)
        if rates != nil { countMessage() }
    }

    /// Calls the handler; what it sends back leaves together when it is done.
    @inline(__always)
    func receiving(_ body: () -> Void) {
        let began = events.handlerTimeLimit > 0 ? loop.coarseTime : 0
        loop.cork.begin(for: self)
        // A relay may begin within the callback.
        let isPassed = reader == .relay
        if isPassed { passCork() }
        body()
        if isPassed { flushPassedCork() } else { flushCork() }
        loop.cork.end()
        if began > 0 { handlerEnded(since: began) }
        if state.isFinishing { settle() }
    }

    /// Passes the cork to the connection by which leaves what is received.
    @inline(never)
    private func passCork() {
        if let target = relayTarget { loop.cork.begin(for: target) }
    }

    @inline(never)
    private func flushPassedCork() {
        guard let target = relayTarget else { return }
        target.flushCork()
        if target.state.isFinishing { target.settle() }
    }

    private var relayTarget: UVConnection? {
        guard let session else { return nil }
        return session.relay?.other(than: session).connection
    }

    private func receiveFailed(_ error: UVError.Code) {
        guard error == .endOfFile else { return fail("receive", error) }
        // libuv may report an end where a reset stands behind the last bytes.
        if let error = handle.takeError() { return fail("receive", error) }
        let isExpected = state.reason != nil
        if !isExpected, let truncation { perform(state.close(truncation)) }
        perform(
            state.peerFinished(
                allowsHalfOpen: options.allowsHalfOpen,
                isAcknowledged: !state.hasSentFIN || isAcknowledged))
        sendingEnded()
        if state.isHalfOpen {
            // Most have ended when the present callback has.
            gather()
            events.onPeerFinished?(self)
        }
        settle()
    }

    /// Whether the handler may be called.
    @inline(__always)
    var isDemanding: Bool {
        state.delivers && holds.isEmpty
    }

    @inline(__always)
    var wantsToReceive: Bool {
        isDemanding ? frames == nil || frames?.hasBacklog == false : state.discards
    }
}

/// Who gets the messages of a connection.
enum MessageReader {
    /// The agent's handler.
    case handler
    /// A task, one at a time, when it asks for them.
    case task
    /// A closure to which a task lends them.
    case borrower
    /// Another connection, by which they leave; the session's relay knows which.
    case relay
}
