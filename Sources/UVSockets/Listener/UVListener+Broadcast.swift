extension UVListener {
    /// Sends one message to many clients. It is framed and copied once, whatever the number of
    /// clients, except for those that have a framing of their own.
    ///
    /// - Parameters:
    ///   - message: The message; it is not needed after the call.
    ///   - audience: Who gets it.
    ///   - slow: What is done about those among them who are slow.
    /// - Returns: What became of it. Nobody gets what the framing refuses, or what has no bytes.
    @discardableResult
    public func broadcast(
        _ message: Span<UInt8>, to audience: UVAudience = .all,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> UVBroadcastReceipt {
        loop.confine("UVListener.broadcast")
        precondition(
            audience.room?.isOf(self) ?? true,
            "UVListener.broadcast takes a room of its own clients")
        guard let ends = try? events.coder?.codec.wrapper(of: message) ?? FrameWrapper(),
            ends.count + message.count > 0
        else { return UVBroadcastReceipt() }
        if slow == .wait {
            let waitsFor = slowClients(of: audience)
            if waitsFor > 0 { return UVBroadcastReceipt(waitsFor: waitsFor) }
        }
        let frame = SendBuffer(copying: message, between: ends, key: slow.key)
        return send(frame, message, to: audience, slow)
    }

    /// How many are slow.
    func slowClients(of audience: UVAudience) -> Int {
        let clients = audience.room?.all ?? clientTable.all
        return clients.count { $0 !== audience.exception && $0.isSlow }
    }

    /// Sends a message that is framed already; to clients with a framing of their own in that.
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
        return receipt
    }

    /// Sends one message to many clients, as ``broadcast(_:to:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - audience: Who gets it.
    ///   - slow: What is done about those among them who are slow.
    /// - Returns: What became of it.
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
    ///   - text: The text, or a part of one, sent as UTF-8. Nothing is added to it but what the
    ///     framing adds.
    ///   - audience: Who gets it.
    ///   - slow: What is done about those among them who are slow.
    /// - Returns: What became of it.
    @inlinable
    @discardableResult
    public func broadcast(
        _ text: some StringProtocol, to audience: UVAudience = .all,
        whenSlow slow: UVSlowReceiver = .disconnect
    ) -> UVBroadcastReceipt {
        text.utf8.withSpan { broadcast($0, to: audience, whenSlow: slow) }
    }

    /// Sends bytes, such as a part of an array, a `Data` or an unsafe buffer, to many clients, as
    /// ``broadcast(_:to:whenSlow:)-(Span<UInt8>,_,_)`` does.
    ///
    /// - Parameters:
    ///   - message: The message; it is not needed after the call.
    ///   - audience: Who gets it.
    ///   - slow: What is done about those among them who are slow.
    /// - Returns: What became of it.
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
