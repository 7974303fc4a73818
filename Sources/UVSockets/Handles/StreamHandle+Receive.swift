extension StreamHandle {
    /// Asks for the next bytes.
    ///
    /// They come in the buffer of the loop's `receiveArgs`, and the connection's
    /// `onReceiveCompleted` gets these args. If that asks again, nothing is done: the socket stays
    /// in reading mode. Reading stops only if the demand was not renewed, because to stop and start
    /// it costs two system calls.
    ///
    /// - Returns: Whether the answer is pending. It always is, unless reading cannot start. Then
    ///   `args.error` says why.
    @inline(__always)
    final func receive(_ args: SocketEventArgs) -> Bool {
        isReceiveDemanded = true
        return isReading || startReading(args)
    }

    private func startReading(_ args: SocketEventArgs) -> Bool {
        guard !isClosing else {
            args.error = .canceled
            return false
        }
        let status = startReading()
        guard status == 0 else {
            args.error = .init(rawValue: status)
            return false
        }
        isReading = true
        return true
    }

    /// Withdraws the demand.
    final func stopReceiving() {
        isReceiveDemanded = false
        guard isReading, !isDelivering, !isClosing else { return }
        isReading = false
        stopReading()
    }

    /// Handles the end of a read. `count` is a number of bytes, or a negative error.
    @inline(__always)
    final func received(_ count: Int) {
        // 0 is EAGAIN: the socket was reported as readable by mistake.
        guard count != 0 else { return }
        isReceiveDemanded = false
        isDelivering = true
        withLoop { $0.received(count, by: self) }
        isDelivering = false
        if !isReceiveDemanded { stopReceiving() }
    }
}
