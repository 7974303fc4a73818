internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One end of a connection: a stream socket of whatever sort.
///
/// The operations with a ``SocketEventArgs``, `receive` and `connect`, answer whether they are
/// *pending*. Pending ones call back later; one that is not pending is complete already, does not
/// call, and leaves that to its caller.
@safe class StreamHandle: Handle {
    // Receiving: demand is renewed, or not, in each callback. What each message touches stands
    // together, in a cache line.
    final var isReading = false
    final var isDelivering = false
    final var isReceiveDemanded = false

    /// The connection whose socket this is, retained until the handle is closed: one that nobody
    /// holds lives on. Unmanaged, so that a call for each message need not retain it again.
    private final var connection: Unmanaged<UVConnection>?

    /// Makes a handle of a connected socket, which it owns from then on; not where this throws.
    static func make(
        on loop: UVLoop, owning socket: SocketDescriptor, isUnix: Bool
    ) throws(UVError) -> StreamHandle {
        isUnix
            ? try PipeHandle(on: loop, owning: socket) : try TCPHandle(on: loop, owning: socket)
    }

    final var stream: UnsafeMutablePointer<uv_stream_t> { unsafe raw() }

    /// The socket; nil before there is one and once it is closed.
    final var socket: SocketDescriptor? {
        var number: uv_os_fd_t = -1
        return unsafe uv_fileno(base, &number) == 0 ? SocketDescriptor(number: number) : nil
    }

    /// Gives the socket to a connection, once.
    final func attach(to connection: UVConnection) {
        unsafe self.connection = .passRetained(connection)
    }

    @inline(__always)
    final func withConnection(_ body: (UVConnection) -> Void) {
        unsafe connection?._withUnsafeGuaranteedRef { body($0) }
    }

    override func didClose() {
        withConnection { $0.handleDidClose() }
        unsafe connection?.release()
        unsafe connection = nil
    }

    override func abort() {
        withConnection { $0.reset(.closed) }
        close()
    }

    /// Closes the socket so that the peer gets a reset, and what is unsent is dropped.
    ///
    /// Not by `uv_tcp_close_reset`, which refuses after a shutdown and then does not close.
    final func reset() {
        socket?.resetWhenClosed()
        close()
    }

    /// Tells the peer that no more bytes follow. The caller has seen to it that none is queued.
    final func finishSending() {
        guard let socket else { return }
        // Fails only where the peer has gone, which reading reports.
        _ = shutdown(socket.number, Int32(SHUT_WR))
    }
}
