/// Brings messages from any thread to a handler on the loop.
///
/// The mailbox is `Sendable`, its handler is not and need not be: the handler stays on the loop
/// and may use the loop's listeners, connections and your own state without a lock.
///
///     let kicks = loop.mailbox { (id: UVConnection.ID) in listener.kick(id) }
///     Thread.detachNewThread { kicks.post(7) }
///
/// A mailbox does not keep the loop running.
public struct UVMailbox<Message: Sendable>: Sendable {
    private let loop: UVLoop
    private let key: Int

    fileprivate init(_ loop: UVLoop, _ key: Int) {
        self.loop = loop
        self.key = key
    }

    /// Sends a message to the handler, which gets all messages of one thread in their order.
    ///
    /// - Parameter message: The message.
    /// - Returns: False, and the message is lost, when the loop is closed or as many submissions
    ///   wait for it as its `submissionLimit` allows.
    @discardableResult
    public func post(_ message: Message) -> Bool {
        // Not retained: what waits for a loop would keep it for ever where nobody runs it any more.
        loop.submit { [unowned loop, key] in
            (loop.addressees[key] as? Handler)?.body(message)
        }
    }

    fileprivate final class Handler {
        let body: (Message) -> Void

        init(_ body: @escaping (Message) -> Void) {
            self.body = body
        }
    }
}

extension UVLoop {
    /// Makes a mailbox whose messages are handled on this loop, until the loop is closed.
    ///
    /// - Parameter handler: What to do with each message. The loop keeps it until the loop is closed.
    /// - Returns: The mailbox, for other threads.
    public func mailbox<Message: Sendable>(
        _ handler: @escaping (Message) -> Void
    ) -> UVMailbox<Message> {
        confineOpen("UVLoop.mailbox")
        return UVMailbox(self, register(UVMailbox<Message>.Handler(handler)))
    }
}
