/// Watches the bytes of connections on the wire, below any layer: every byte once, in order.
///
/// It is called at two places: when the inlet gets bytes, and when the outlet passes them to the
/// queue. It must not call the connection.
package protocol Tap: AnyObject {
    /// Bytes have come from the peer. They are valid during the call.
    func received(_ bytes: Span<UInt8>, by connection: UVConnection)
    /// Bytes will go to the peer. They are valid during the call.
    func sent(_ bytes: Span<UInt8>, by connection: UVConnection)
}

extension UVConnection {
    /// Watches the connection from now on; nil ends that. Meanwhile nothing that it sends is
    /// corked.
    package func watch(by tap: (any Tap)?) {
        loop.confine("UVConnection.watch")
        // The tap must not see what was sent before.
        flushCork()
        let extras = extras ?? ConnectionExtras(events.coder)
        extras.tap = tap
        self.extras = extras.isNeeded ? extras : nil
    }
}
