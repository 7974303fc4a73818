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

    /// Takes the demand back.
    final func stopReceiving() {
        isReceiveDemanded = false
        guard isReading, !isDelivering, !isClosing else { return }
        isReading = false
        stopReading()
    }

    /// A read ended: a number of bytes, or a negative error.
    @inline(__always)
    final func received(_ count: Int) {
        // 0 is EAGAIN: the readiness was a false alarm.
        guard count != 0 else { return }
        isReceiveDemanded = false
        isDelivering = true
        withLoop { $0.received(count, by: self) }
        isDelivering = false
        if !isReceiveDemanded { stopReceiving() }
    }
}
