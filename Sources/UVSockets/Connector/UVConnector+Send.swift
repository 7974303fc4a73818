extension UVConnector {
    /// Sends a message on the connection; keeps it while there is none but one is tried for.
    ///
    /// What is kept is sent, in its order, when there is a connection: after `onConnected` has
    /// returned, so that what you send there, as a greeting, goes first. It is the `queueLimit` given
    /// to the connector that bounds it, whatever is sent and however long it takes.
    ///
    /// What the connection has taken is out of the connector's hands: when the connection breaks,
    /// nobody knows how much of it has arrived, and it is not sent again. A protocol that must know
    /// has to acknowledge its messages.
    ///
    /// - Parameter message: The message; it is not needed after the call.
    /// - Returns: `.taken` where it was sent or is kept. `.takenButFull` the same, and that you should hold
    ///   back until ``onDrained`` because more than half of the `queueLimit` is kept, or as
    ///   ``UVConnection/send(_:)-(Span<UInt8>)`` says it. `.closed` where it was not taken, because
    ///   it does not fit in the queue beside what is kept, or because the connector neither is
    ///   connected nor tries to be. `.refused` where it cannot be a frame of the framing.
    @discardableResult
    public func send(_ message: Span<UInt8>) -> UVSendResult {
        loop.confine("UVConnector.send")
        guard let connection else { return keep(message) }
        let result = connection.send(message)
        // It has ended but is not closed yet: the message can wait for the one that follows.
        return result == .closed && isFollowed(connection) ? keep(message) : result
    }

    /// Sends a message, as ``send(_:)-(Span<UInt8>)`` does.
    ///
    /// - Parameter message: The message.
    /// - Returns: Whether it was taken, and whether to send more.
    @discardableResult
    public func send(_ message: [UInt8]) -> UVSendResult {
        send(message.span)
    }

    /// Sends a text as UTF-8, as ``send(_:)-(Span<UInt8>)`` does.
    ///
    /// - Parameter text: The text, or a part of one. Nothing is added to it but what the framing adds.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ text: some StringProtocol) -> UVSendResult {
        text.utf8.withSpan { send($0) }
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer, as
    /// ``send(_:)-(Span<UInt8>)`` does. They are copied first only where they do not lie together.
    ///
    /// - Parameter message: The message; it is not needed after the call.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ message: some Collection<UInt8>) -> UVSendResult {
        message.withSpan { send($0) }
    }

    private func keep(_ message: Span<UInt8>) -> UVSendResult {
        if case .idle = state { return .closed }
        do throws(FramingError) {
            _ = try events.coder?.codec.wrapper(of: message)
        } catch {
            return .refused(error)
        }
        guard kept.append(message) else { return .closed }
        guard kept.isHigh else { return .taken }
        owesDrained = true
        return .takenButFull
    }

    /// Hands what was kept to a connection.
    func sendKept(on server: UVConnection) {
        kept.drain { message in
            switch server.send(message) {
            case .taken, .takenButFull: return true
            case .closed: return false
            case .refused:
                dropped += 1
                return true
            }
        }
        guard owesDrained, kept.isEmpty else { return }
        owesDrained = false
        // Above its watermark the connection tells later.
        if !server.watermark.isAbove { events.onDrained?(server) }
    }

    /// There will be no connection to send it on.
    func dropKept() {
        dropped += UInt64(kept.count)
        kept.removeAll()
        owesDrained = false
    }
}
