#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A stream that is connected, and is nobody's connection yet. It may be handed to another loop.
/// Whoever has it closes it, or makes a ``StreamHandle`` of it.
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

    /// Sends what the kernel takes at once, and closes it.
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
    /// Sends what the kernel takes at once. A peer that has gone already needs none of it.
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
