internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One end of a connection: a stream of whatever sort. This is all that a connection knows of its transport.
///
/// What libuv does alike for every sort of socket stands here. A transport overrides what is different.
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

    /// Makes a handle of a connected stream, which it owns from then on; not where this throws.
    static func make(on loop: UVLoop, owning stream: ConnectedStream) throws(UVError)
        -> StreamHandle
    {
        switch stream.source {
        case .socket(let socket):
            stream.peer.isUnix
                ? try PipeHandle(on: loop, owning: socket)
                : try TCPHandle(on: loop, owning: socket)
        case .memory(let ticket): try MemoryHandle(on: loop, owning: ticket)
        }
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

    /// Closes the stream so that the peer gets a reset, and what is unsent is dropped.
    ///
    /// Not by `uv_tcp_close_reset`, which refuses after a shutdown and then does not close.
    func reset() {
        socket?.resetWhenClosed()
        close()
    }

    /// Tells the peer that no more bytes follow. The caller has seen to it that none is queued.
    func finishSending() {
        guard let socket else { return }
        // Fails only where the peer has gone, which reading reports.
        _ = shutdown(socket.number, Int32(SHUT_WR))
    }

    // MARK: - What a transport does

    /// Starts to read: each read then calls ``received(_:)``.
    ///
    /// - Returns: 0, or an error of libuv.
    func startReading() -> Int32 {
        unsafe uv_read_start(
            stream,
            { unsafe ReceiveBuffer.lend(of: $0, to: $2) },
            { handle, count, _ in
                unsafe StreamHandle.with(handle, as: StreamHandle.self) { $0.received(count) }
            })
    }

    func stopReading() {
        _ = unsafe uv_read_stop(stream)
    }

    /// Offers buffers to the kernel. Nothing may be in flight.
    ///
    /// One goes by `send`: the `write` of `uv_try_write` comes to the socket by way of what is for files,
    /// which took 90 ns more (Linux 6.18).
    ///
    /// - Returns: How many bytes it took, or an error, as `uv_try_write` does.
    func offer(_ buffers: UnsafeMutablePointer<uv_buf_t>?, _ count: Int) -> Int32 {
        #if canImport(Glibc)
            guard count == 1, let buffer = unsafe buffers?.pointee, let socket else {
                return unsafe uv_try_write(stream, buffers, UInt32(count))
            }
            while true {
                let sent = unsafe send(
                    socket.number, buffer.base, buffer.len, Int32(MSG_NOSIGNAL))
                if sent >= 0 { return Int32(sent) }
                switch errno {
                case EINTR: continue
                case ENOBUFS: return UV_EAGAIN.rawValue
                case let error: return -error
                }
            }
        #else
            return unsafe uv_try_write(stream, buffers, UInt32(count))
        #endif
    }

    /// Starts to write buffers, and calls the request when that has ended.
    ///
    /// - Returns: 0, or an error of libuv: then it does not call.
    func startWriting(
        _ request: WriteRequest, _ buffers: UnsafeMutablePointer<uv_buf_t>?, _ count: Int
    ) -> Int32 {
        let status = unsafe uv_write(request.start(), stream, buffers, UInt32(count)) {
            unsafe WriteRequest.completed($0, $1)
        }
        if status != 0 { request.abandon() }
        return status
    }

    // MARK: - How a transport stands

    /// How many bytes of the write in flight the kernel has not taken yet.
    var bytesUnwritten: Int { unsafe stream.pointee.write_queue_size }
    /// How many bytes the kernel has taken to send that the peer has not acknowledged, its FIN
    /// included; 0 where the system does not tell.
    var bytesUnacknowledged: Int { socket?.bytesUnacknowledged ?? 0 }
    /// How many bytes the kernel has received that nobody has read.
    var bytesUnread: Int { socket?.bytesUnread ?? 0 }
    /// How long the peer has not answered what the kernel has repeated; nil where it has.
    var unanswered: Unanswered? { socket?.unanswered }
    /// The address this end is bound to; nil when the stream is closed, or has no IP address.
    var localAddress: SocketAddress? { socket?.localAddress }
    /// Why the connection is gone, although nothing is read from it; nil where it is not gone. It is told
    /// once.
    func takeError() -> UVError.Code? { socket?.takeError() }
    /// Sets what the options ask of a connection that was made from this side.
    func setOptions(noDelay: Bool, keepAlive: UVKeepAlive?) {}
}
