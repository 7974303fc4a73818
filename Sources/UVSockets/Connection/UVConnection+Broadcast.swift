extension UVConnection {
    /// Whether it takes bytes more slowly than they are sent to it.
    var isSlow: Bool { watermark.isAbove && state.acceptsBytes }

    /// Sends a framed buffer that other connections send, too.
    func send(
        shared buffer: SendBuffer, _ slow: UVSlowReceiver
    ) -> UVBroadcastReceipt.Outcome {
        guard state.acceptsBytes else { return .none }
        if slow == .skip, watermark.isAbove { return .skipped }
        flushCork()
        guard canSend() else { return .disconnected }
        let waits = isWriting
        if extras != nil, sendOnWire(buffer) { return waits ? .queued : .sent }
        if buffer.key != nil, replaceQueued(with: buffer) { return .replaced }
        enqueue { $0.append(buffer) }
        writeLater()
        return waits ? .queued : .sent
    }

    /// Sends a message in the connection's own framing.
    func send(_ message: Span<UInt8>, _ slow: UVSlowReceiver) -> UVBroadcastReceipt.Outcome {
        guard state.acceptsBytes,
            let ends = try? coder?.framing.wrapper(of: message) ?? FrameWrapper()
        else { return .none }
        return send(
            shared: SendBuffer(copying: message, between: ends, key: slow.key), slow)
    }

    private func replaceQueued(with buffer: SendBuffer) -> Bool {
        var isReplaced = false
        enqueue { isReplaced = $0.replace(with: buffer, inFlight: Int(bytesInFlight)) }
        // The new message can be longer than the old one.
        if isReplaced { writeLater() }
        return isReplaced
    }
}
