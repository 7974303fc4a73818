#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A connected stream that belongs to no connection yet. It may be passed to another loop. Its
/// holder must close it, or make a ``StreamHandle`` of it.
///
/// It refers to no object, so that it costs nothing to pass it on.
struct ConnectedStream: Sendable {
    enum Source: Sendable {
        case socket(SocketDescriptor)
        case memory(MemoryTicket)
    }

    let source: Source
    let peer: SocketAddress

    /// Closes it so that the peer gets a reset.
    ///
    /// - Parameter loop: The loop that it belongs to.
    func reset(on loop: UVLoop) {
        switch source {
        case .socket(let socket):
            socket.resetWhenClosed()
            socket.close()
        case .memory(let ticket): ticket.take(on: loop)?.close(byReset: true)
        }
    }

    /// Sends as much of a last message as the kernel takes at once, and closes the stream.
    ///
    /// - Parameters:
    ///   - loop: The loop that it belongs to.
    ///   - goodbye: The message.
    func close(on loop: UVLoop, saying goodbye: [UInt8] = []) {
        switch source {
        case .socket(let socket):
            socket.offer(goodbye)
            socket.close()
        case .memory(let ticket):
            guard let end = ticket.take(on: loop) else { return }
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
