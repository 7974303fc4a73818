extension StreamHandle {
    /// Asks for the next bytes.
    ///
    /// They come in the buffer of the loop's `receiveArgs`, and the connection's
    /// `onReceiveCompleted` gets these args. If that asks again, nothing is done: the socket stays
    /// in reading mode. If the demand is not renewed, reading stops when more has come that nobody
    /// wants, because to stop it and start it again costs two system calls.
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

    /// Begins to read before the stream is connected, so that the kernel is told once what to report.
    /// Nothing comes before that.
    final func receiveOnceConnected() {
        isReading = startReading() == 0
    }

    /// Withdraws the demand.
    final func stopReceiving() {
        isReceiveDemanded = false
    }

    /// More has come, and nobody has asked for it. It waits in the kernel.
    final func stopUndemanded() {
        guard isReading, !isClosing else { return }
        isReading = false
        stopReading()
    }

    /// Handles the end of a read. `count` is a number of bytes, or a negative error.
    @inline(__always)
    final func received(_ count: Int) {
        // 0 is EAGAIN: the socket was reported as readable by mistake.
        guard count != 0 else { return }
        // libuv got no buffer. Or it reports the end together with the last bytes; it does so again
        // when it reads again.
        guard isReceiveDemanded else { return stopUndemanded() }
        isReceiveDemanded = false
        withLoop { $0.received(count, by: self) }
    }
}
