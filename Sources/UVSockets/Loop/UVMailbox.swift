/// Brings messages from any thread to a handler on the loop.
///
/// The mailbox is `Sendable`. Its handler is not and need not be: the handler stays on the loop,
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

    /// Sends a message to the handler. Messages of one thread arrive in their order.
    ///
    /// - Parameter message: The message.
    /// - Returns: False if the loop is closed or its `submissionLimit` is reached. Then the
    ///   message is lost.
    @discardableResult
    public func post(_ message: Message) -> Bool {
        // The loop is not retained: a waiting message would keep a loop for ever that nobody runs
        // any more.
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
    /// - Parameter handler: Handles each message. The loop keeps it until the loop is closed.
    /// - Returns: The mailbox, for other threads.
    public func mailbox<Message: Sendable>(
        _ handler: @escaping (Message) -> Void
    ) -> UVMailbox<Message> {
        confineOpen("UVLoop.mailbox")
        return UVMailbox(self, register(UVMailbox<Message>.Handler(handler)))
    }
}
