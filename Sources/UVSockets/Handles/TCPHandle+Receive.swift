internal import CLibuv

extension TCPHandle {
    /// Asks for the next bytes, which come in `args.buffer`.
    ///
    /// Asked again within `completed`, nothing is done: the socket is left being read. Only where
    /// the demand was not renewed is reading stopped, because to stop and start it costs two
    /// system calls.
    ///
    /// - Returns: Whether the answer is pending; it is, always, unless reading cannot start, and
    ///   then `args.error` says why.
    func receive(_ args: SocketEventArgs) -> Bool {
        isReceiveDemanded = true
        guard !isReading else { return true }
        receiveArgs = args
        let status = unsafe uv_read_start(
            stream,
            { unsafe ReceiveBuffer.lend(of: $0, to: $2) },
            { handle, count, _ in unsafe TCPHandle.with(handle) { $0.received(count) } })
        guard status == 0 else {
            args.error = .init(rawValue: status)
            return false
        }
        isReading = true
        return true
    }

    /// Takes the demand back.
    func stopReceiving() {
        isReceiveDemanded = false
        guard isReading, !isDelivering else { return }
        isReading = false
        _ = unsafe uv_read_stop(stream)
    }

    private func received(_ count: Int) {
        // 0 is EAGAIN: the readiness was a false alarm.
        guard count != 0, let args = receiveArgs else { return }
        args.bytesTransferred = max(0, count)
        args.error = count < 0 ? .init(rawValue: Int32(count)) : nil
        isReceiveDemanded = false
        isDelivering = true
        loop.callback { args.completed(args) }
        isDelivering = false
        if !isReceiveDemanded { stopReceiving() }
    }
}
