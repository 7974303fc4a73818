/// Watches the bytes of a connection on the wire, below any layer: every byte once, in order.
///
/// It is told of what comes by the inlet, and of what leaves by the outlet when the kernel has taken
/// it. It must not call the connection.
package protocol Tap: AnyObject {
    /// Bytes have come from the peer. They are valid during the call.
    func received(_ bytes: Span<UInt8>, by connection: UVConnection)
    /// The kernel has taken bytes for the peer. They are valid during the call.
    ///
    /// While a write is in flight, the kernel takes bytes without telling. They come when the write
    /// has ended.
    func sent(_ bytes: Span<UInt8>, by connection: UVConnection)
    /// Something else has happened.
    func happened(_ event: WireEvent, to connection: UVConnection)
}

extension Tap {
    package func happened(_ event: WireEvent, to connection: UVConnection) {}
}

/// What a tap is told besides the bytes.
package enum WireEvent {
    /// What was received last has been handled.
    case handled
    /// Nothing is received any more, for this reason. A brief one usually lasts less than a
    /// millisecond.
    case held(why: String, isBrief: Bool)
    /// The reason is gone.
    case released(why: String, isBrief: Bool)
    /// The peer has finished sending.
    case peerFinished
    /// The peer is told that no more bytes follow.
    case finished
    /// A call on the socket has failed.
    case failed(UVError.Code)
    /// The socket is about to be closed. The kernel tells the peer by a reset, or by the end of the
    /// stream unless it has told it already.
    case closing(byReset: Bool, bytesUnacknowledged: Int)
    /// The socket is closed. The kernel has not taken so many bytes. It is the last event.
    case ended(UVEndReason, bytesQueued: Int)
}

extension UVConnection {
    /// How many taps may watch one connection at a time: 8.
    package static var tapLimit: Int { 8 }

    /// Offers what it has corked to the kernel, so that a tap can begin behind that.
    package func flushForTap() {
        loop.confine("UVConnection.flushForTap")
        flushCork()
    }

    /// Lets a tap watch the connection from now on. Meanwhile nothing that it sends is corked.
    ///
    /// - Returns: False if the connection has ended, or has ``tapLimit`` taps already.
    package func watch(by tap: any Tap) -> Bool {
        loop.confine("UVConnection.watch")
        guard !state.isClosed, (extras?.taps.count ?? 0) < Self.tapLimit else { return false }
        // What was sent before leaves first. What of it the kernel does not take now, the tap sees.
        flushCork()
        let extras = extras ?? ConnectionExtras(events.coder)
        extras.taps.append(tap)
        self.extras = extras
        return true
    }

    /// How many taps watch it.
    package var tapCount: Int { extras?.taps.count ?? 0 }

    /// Ends the watch of a tap. It does nothing if that tap does not watch.
    package func endWatch(by tap: any Tap) {
        loop.confine("UVConnection.endWatch")
        guard let extras else { return }
        extras.taps.removeAll { $0 === tap }
        if !extras.isNeeded { self.extras = nil }
    }

    /// Tells the taps of an event, if there are any.
    @inline(__always)
    func tell(_ event: @autoclosure () -> WireEvent) {
        if let extras, extras.isTapped { extras.tell(event(), of: self) }
    }

    /// Shows the taps the front of the queue, which the kernel has taken.
    @inline(never)
    func showSent(_ count: Int, _ extras: ConnectionExtras) {
        guard let queue else { return }
        var left = count
        var index = 0
        while left > 0 {
            let segment = queue[index]
            let range = segment.range.prefix(left)
            segment.buffer.withBytes(range) { bytes in
                for tap in extras.taps { tap.sent(bytes, by: self) }
            }
            left -= range.count
            index += 1
        }
    }
}

extension ConnectionExtras {
    @inline(never)
    fileprivate func tell(_ event: WireEvent, of connection: UVConnection) {
        for tap in taps { tap.happened(event, to: connection) }
    }
}

extension WireEvent {
    static func held(_ hold: ReceiveHolds) -> WireEvent {
        .held(why: "\(hold)", isBrief: hold.isBrief)
    }

    static func released(_ hold: ReceiveHolds) -> WireEvent {
        .released(why: "\(hold)", isBrief: hold.isBrief)
    }
}

extension ReceiveHolds {
    /// Whether it is a part of the usual traffic.
    fileprivate var isBrief: Bool { isSubset(of: [.turn, .task]) }
}
