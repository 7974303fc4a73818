/// What watches the bytes of connections as they are on the wire, below any layer: every byte once, in order.
///
/// It is called at two places, where the inlet gets bytes and where the outlet leaves them to the queue. It
/// must not call the connection.
package protocol Tap: AnyObject {
    /// Bytes have come from the peer. They are valid during the call.
    func received(_ bytes: Span<UInt8>, by connection: UVConnection)
    /// Bytes are to go to the peer. They are valid during the call.
    func sent(_ bytes: Span<UInt8>, by connection: UVConnection)
}

extension UVConnection {
    /// Watches the connection from here on; nil ends that. What the connection sends is not corked meanwhile.
    package func watch(by tap: (any Tap)?) {
        loop.confine("UVConnection.watch")
        // What was sent before is not the tap's.
        flushCork()
        let extras = extras ?? ConnectionExtras(events.coder)
        extras.tap = tap
        self.extras = extras.isNeeded ? extras : nil
    }
}
