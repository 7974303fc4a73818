#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A connected stream that belongs to no connection yet. It may be passed to another loop. Its
/// holder must close it, or make a ``StreamHandle`` of it.
struct ConnectedStream: Sendable {
    enum Source: Sendable {
        case socket(SocketDescriptor)
        case memory(MemoryTicket)
    }

    let source: Source
    let peer: SocketAddress

    /// Closes it so that the peer gets a reset.
    func reset() {
        switch source {
        case .socket(let socket):
            socket.resetWhenClosed()
            socket.close()
        case .memory(let ticket): ticket.take()?.close(byReset: true)
        }
    }

    /// Sends as much of a last message as the kernel takes at once, and closes the stream.
    func close(saying goodbye: [UInt8] = []) {
        switch source {
        case .socket(let socket):
            socket.offer(goodbye)
            socket.close()
        case .memory(let ticket):
            guard let end = ticket.take() else { return }
            _ = end.send(goodbye)
            end.close(byReset: false)
        }
    }
}

extension SocketDescriptor {
    /// Sends as many bytes as the kernel takes at once. A peer that has gone needs none of them.
    fileprivate func offer(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        #if canImport(Glibc)
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        #else
            let flags = MSG_DONTWAIT
        #endif
        _ = unsafe send(number, bytes, bytes.count, flags)
    }
}
