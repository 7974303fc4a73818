internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One end of a connection: a stream of any kind. A connection knows only this of its transport.
///
/// This class holds what libuv does in the same way for every kind of socket. A transport overrides
/// what is different.
///
/// The operations with ``SocketEventArgs``, `receive` and `connect`, return whether they are
/// *pending*. A pending operation calls back later. An operation that is not pending is complete
/// already. It makes no call, and its caller handles the result.
@safe class StreamHandle: Handle {
    // Receiving. Each callback renews the demand, or does not. The fields that each message uses
    // are together, in one cache line.
    final var isReading = false
    final var isDelivering = false
    final var isReceiveDemanded = false
    /// The task that handles what is received, if one does, and its object. They are only prefetched.
    private final var reader: TaskReference?
    private final var session: UnsafeRawPointer?

    /// The connection that has this stream. It is retained until the handle is closed, so a
    /// connection lives on even if nobody holds it. It is unmanaged, so that the calls for each
    /// message need not retain it again.
    private final var connection: Unmanaged<UVConnection>?

    /// Makes a handle of a connected stream and takes ownership of the stream, unless this throws.
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

    /// Gives the stream to a connection. Called once.
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

    /// Closes the stream. The peer gets a reset, and unsent bytes are dropped.
    ///
    /// It does not use `uv_tcp_close_reset`, which refuses after a shutdown and then does not
    /// close.
    func reset() {
        socket?.resetWhenClosed()
        close()
    }

    /// Tells the peer that no more bytes follow. The caller makes sure that none is queued.
    func finishSending() {
        guard let socket else { return }
        // This fails only if the peer has gone. Reading reports that.
        _ = shutdown(socket.number, Int32(SHUT_WR))
    }

    override var owner: String {
        var owner = "\(name), which has not connected yet"
        withConnection { owner = $0.owner }
        return owner
    }

    // MARK: - What a transport does

    /// Starts to read: each read then calls ``received(_:)``.
    ///
    /// - Returns: 0, or an error of libuv.
    func startReading() -> Int32 {
        unsafe uv_read_start(
            stream,
            { handle, _, buffer in
                unsafe StreamHandle.with(handle, as: StreamHandle.self) { $0.prefetch() }
                unsafe ReceiveBuffer.lend(of: handle, to: buffer)
            },
            { handle, count, _ in
                unsafe StreamHandle.with(handle, as: StreamHandle.self) { $0.received(count) }
            })
    }

    /// Prepares for what its task does with the bytes that are read next.
    @inline(__always)
    private func prefetch() {
        guard let reader, let session = unsafe session, let connection = unsafe connection else {
            return
        }
        unsafe reader.prefetch(session, connection.toOpaque())
    }

    /// A task handles what is received; nil when it has ended.
    final func isRead(by task: TaskReference?, _ session: AnyObject) {
        reader = task
        unsafe self.session = UnsafeRawPointer(Unmanaged.passUnretained(session).toOpaque())
    }

    func stopReading() {
        _ = unsafe uv_read_stop(stream)
    }

    /// Offers buffers to the kernel. No write may be in flight.
    ///
    /// A single buffer goes through `send`. The `write` of `uv_try_write` reaches the socket
    /// through the kernel's code for files, which took 90 ns more (Linux 6.18).
    ///
    /// - Returns: How many bytes the kernel took, or an error, as `uv_try_write` does.
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

    /// Starts to write buffers. When the write has ended, it calls the request.
    ///
    /// - Returns: 0, or an error of libuv. After an error it does not call the request.
    func startWriting(
        _ request: WriteRequest, _ buffers: UnsafeMutablePointer<uv_buf_t>?, _ count: Int
    ) -> Int32 {
        let status = unsafe uv_write(request.start(), stream, buffers, UInt32(count)) {
            unsafe WriteRequest.completed($0, $1)
        }
        if status != 0 { request.abandon() }
        return status
    }

    // MARK: - The state of a transport

    /// The endpoint at which a client has come in, if the transport knows it.
    var listenedAt: UVEndpoint? { nil }
    /// How many bytes of the write in flight the kernel has not taken yet.
    var bytesUnwritten: Int { unsafe stream.pointee.write_queue_size }
    /// How many bytes the kernel has taken to send but the peer has not acknowledged, including its
    /// FIN; 0 if the system does not tell.
    var bytesUnacknowledged: Int { socket?.bytesUnacknowledged ?? 0 }
    /// How many bytes the kernel has received but nobody has read.
    var bytesUnread: Int { socket?.bytesUnread ?? 0 }
    /// How long the peer has not answered what the kernel has sent again; nil if it has answered.
    var unanswered: Unanswered? { socket?.unanswered }
    /// What the kernel knows of a TCP connection; nil for other streams.
    var tcpState: TCPState? { socket?.tcpState }
    /// The address of this end; nil if the stream is closed or has no IP address.
    var localAddress: SocketAddress? { socket?.localAddress }
    /// The error by which the connection is gone, although nothing is read from it; nil if it is
    /// not gone. It is reported once.
    func takeError() -> UVError.Code? { socket?.takeError() }
    /// Sets the options of a connection that was opened from this side.
    func setOptions(noDelay: Bool, keepAlive: UVKeepAlive?) {}
    /// Sets how much the kernel takes, if the options ask for it.
    func setBuffering(of options: UVConnectionOptions) {
        if let size = options.sendBufferSize { socket?.setSendBuffer(size) }
    }
}
