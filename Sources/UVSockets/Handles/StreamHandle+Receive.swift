internal import CLibuv

extension StreamHandle {
    /// Asks for the next bytes, which come in the buffer of the loop's shuttle for receiving: the
    /// connection's `onReceiveCompleted` gets it.
    ///
    /// Asked again from there, nothing is done: the socket is left being read. Only where the demand
    /// was not renewed is reading stopped, because to stop and start it costs two system calls.
    ///
    /// - Returns: Whether the answer is pending; it is, always, unless reading cannot start, and
    ///   then `args.error` says why.
    @inline(__always)
    func receive(_ args: SocketEventArgs) -> Bool {
        isReceiveDemanded = true
        return isReading || startReading(args)
    }

    private func startReading(_ args: SocketEventArgs) -> Bool {
        guard !isClosing else {
            args.error = .canceled
            return false
        }
        let status = unsafe uv_read_start(
            stream,
            { unsafe ReceiveBuffer.lend(of: $0, to: $2) },
            { handle, count, _ in
                unsafe StreamHandle.with(handle, as: StreamHandle.self) { $0.received(count) }
            })
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
        guard isReading, !isDelivering, !isClosing else { return }
        isReading = false
        _ = unsafe uv_read_stop(stream)
    }

    @inline(__always)
    private func received(_ count: Int) {
        // 0 is EAGAIN: the readiness was a false alarm.
        guard count != 0 else { return }
        isReceiveDemanded = false
        isDelivering = true
        withLoop { $0.received(count, by: self) }
        isDelivering = false
        if !isReceiveDemanded { stopReceiving() }
    }
}
