extension UVListener {
    /// Sends one message to many clients.
    ///
    /// It is framed and copied once, whatever the number of clients. Clients with a framing of
    /// their own each need a copy.
    ///
    /// A client that is above its ``UVConnectionOptions/highWatermark`` after this is not read from
    /// until it has taken enough, unless ``UVConnectionOptions/holdsAboveHighWatermark`` is false.
    ///
    /// - Parameters:
    ///   - message: The message. It is not needed after the call.
    ///   - audience: The clients that get it.
    ///   - slow: What to do with slow clients among them.
    /// - Returns: What became of the message. If the framing refuses it, or if it has no bytes,
    ///   nobody gets it.
    @discardableResult
    public func broadcast(
        _ message: Span<UInt8>, to audience: UVAudience = .all,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> UVBroadcastReceipt {
        loop.confine("UVListener.broadcast")
        precondition(
            audience.room?.isOf(self) ?? true,
            "UVListener.broadcast needs a room of this listener")
        guard let ends = try? events.coder?.framing.wrapper(of: message) ?? FrameWrapper(),
            ends.count + message.count > 0
        else { return UVBroadcastReceipt() }
        if slow == .wait {
            let waitsFor = slowClients(of: audience)
            events.guards.waits += UInt64(waitsFor)
            if waitsFor > 0 { return UVBroadcastReceipt(waitsFor: waitsFor) }
        }
        let frame = SendBuffer(copying: message, between: ends, key: slow.key)
        return send(frame, message, to: audience, slow)
    }

    /// How many clients of the audience are slow.
    func slowClients(of audience: UVAudience) -> Int {
        let clients = audience.room?.all ?? clientTable.all
        return clients.count { $0 !== audience.exception && $0.isSlow }
    }

    /// Sends a message that is framed already. Clients with a framing of their own get it in that
    /// framing.
    func send(
        _ frame: SendBuffer, _ message: Span<UInt8>, to audience: UVAudience,
        _ slow: UVSlowReceiver
    ) -> UVBroadcastReceipt {
        var receipt = UVBroadcastReceipt()
        let clients = audience.room?.all ?? clientTable.all
        for client in clients where client !== audience.exception {
            let outcome =
                client.hasOwnFraming
                ? client.send(message, slow) : client.send(shared: frame, slow)
            receipt.count(outcome, for: client)
        }
        events.guards.skips += UInt64(receipt.skipped)
        events.guards.replacements += UInt64(receipt.replaced)
        events.guards.sentAtOnce += UInt64(receipt.sent)
        events.guards.queued += UInt64(receipt.queued)
        events.guards.disconnections += UInt64(receipt.disconnected.count)
        return receipt
    }

    /// Sends one message to many clients, as ``broadcast(_:to:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - audience: The clients that get it.
    ///   - slow: What to do with slow clients among them.
    /// - Returns: What became of the message.
    @discardableResult
    public func broadcast(
        _ message: [UInt8], to audience: UVAudience = .all,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> UVBroadcastReceipt {
        broadcast(message.span, to: audience, whenSlow: slow)
    }

    /// Sends one text to many clients, as ``broadcast(_:to:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - text: The text, or a part of one, sent as UTF-8. Only the framing adds bytes to it.
    ///   - audience: The clients that get it.
    ///   - slow: What to do with slow clients among them.
    /// - Returns: What became of the message.
    @inlinable
    @discardableResult
    public func broadcast(
        _ text: some StringProtocol, to audience: UVAudience = .all,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> UVBroadcastReceipt {
        text.utf8.withSpan { broadcast($0, to: audience, whenSlow: slow) }
    }

    /// Sends bytes to many clients, such as a part of an array, a `Data` or an unsafe buffer.
    ///
    /// It works as ``broadcast(_:to:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message. It is not needed after the call.
    ///   - audience: The clients that get it.
    ///   - slow: What to do with slow clients among them.
    /// - Returns: What became of the message.
    @inlinable
    @discardableResult
    public func broadcast(
        _ message: some Collection<UInt8>, to audience: UVAudience = .all,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> UVBroadcastReceipt {
        message.withSpan { broadcast($0, to: audience, whenSlow: slow) }
    }
}

extension UVSlowReceiver {
    var key: String? {
        guard case .keepLatest(let key) = self else { return nil }
        return key
    }
}
