extension UVConnector {
    /// Sends a message.
    ///
    /// Without a connection the message is kept, as long as the connector tries to connect.
    ///
    /// Kept messages are sent in their order when there is a connection, after `onConnected` has
    /// returned. So what you send in `onConnected`, such as a greeting, goes first. The connector's
    /// `queueLimit` bounds the kept messages, whatever you send and however long it takes.
    ///
    /// The connector does not send a message again that the connection has taken. When the
    /// connection breaks, nobody knows how much of it has arrived. A protocol that needs to know
    /// must acknowledge its messages.
    ///
    /// - Parameter message: The message. It is not needed after the call.
    /// - Returns: `.taken` if it was sent or is kept. `.takenButFull` if it was taken, but you
    ///   should wait for ``onDrained``: more than half of the `queueLimit` is kept, or
    ///   ``UVConnection/send(_:)-(Span<UInt8>)`` returned this. `.closed` if it was not taken: it
    ///   does not fit in the queue of kept messages, or the connector is not connected and does not
    ///   try to connect. `.refused` if the message cannot be one frame of the framing.
    @discardableResult
    public func send(_ message: Span<UInt8>) -> UVSendResult {
        loop.confine("UVConnector.send")
        guard let connection else { return keep(message) }
        let result = connection.send(message)
        // The connection has ended but is not closed yet. The message can wait for the next one.
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
    /// - Parameter text: The text, or a part of one. Only the framing adds bytes to it.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ text: some StringProtocol) -> UVSendResult {
        text.utf8.withSpan { send($0) }
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer.
    ///
    /// It works as ``send(_:)-(Span<UInt8>)`` does. The bytes are copied first only if they are not
    /// contiguous in memory.
    ///
    /// - Parameter message: The message. It is not needed after the call.
    /// - Returns: Whether it was taken, and whether to send more.
    @inlinable
    @discardableResult
    public func send(_ message: some Collection<UInt8>) -> UVSendResult {
        message.withSpan { send($0) }
    }

    private func keep(_ message: Span<UInt8>) -> UVSendResult {
        if case .idle = state { return .closed }
        do throws(FramingError) {
            _ = try events.coder?.framing.wrapper(of: message)
        } catch {
            return .refused(error)
        }
        guard kept.append(message) else { return .closed }
        guard kept.isHigh else { return .taken }
        owesDrained = true
        return .takenButFull
    }

    /// Sends the kept messages on a connection.
    func sendKept(on server: UVConnection) {
        kept.drain { message in
            switch server.send(message) {
            case .taken, .takenButFull, .posted: return true
            case .closed, .overloaded: return false
            case .refused:
                dropped += 1
                return true
            }
        }
        guard owesDrained, kept.isEmpty else { return }
        owesDrained = false
        // If the connection is above its watermark, it calls `onDrained` itself later.
        if !server.watermark.isAbove {
            loop.running(.drained, of: server) { events.onDrained?(server) }
        }
    }

    /// Drops the kept messages: there will be no connection for them.
    func dropKept() {
        dropped += UInt64(kept.count)
        kept.removeAll()
        owesDrained = false
    }
}
