internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

extension TCPHandle {
    /// Takes an address. A port that is used is reported by ``listen(backlog:)``.
    func bind(to address: SocketAddress) throws(UVError) {
        let status = unsafe address.withSockaddr { unsafe uv_tcp_bind(tcp, $0, 0) }
        guard status == 0 else {
            throw UVError(
                call: "bind", subject: "\(address.endpoint)", code: .init(rawValue: status))
        }
    }

    /// Takes over a socket.
    func open(_ descriptor: Int32) throws(UVError) {
        let status = unsafe uv_tcp_open(tcp, descriptor)
        guard status == 0 else {
            throw UVError(call: "open", code: .init(rawValue: status))
        }
    }

    /// Lets clients connect. The kernel accepts up to `backlog` of them ahead of us.
    ///
    /// The request is made known now, because an error is reported to it also while it does not ask.
    func listen(backlog: Int32, _ args: SocketEventArgs) throws(UVError.Code) {
        acceptArgs = args
        let status = unsafe uv_listen(stream, backlog) { unsafe TCPHandle.from($0).connected($1) }
        guard status == 0 else { throw .init(rawValue: status) }
    }

    /// Asks for the next connection, which comes as `args.acceptedSocket`.
    ///
    /// - Returns: Whether the answer is pending: true, and `args.completed` will be called; or
    ///   false, a connection had been waiting, and it is in `args` already.
    func accept(_ args: SocketEventArgs) -> Bool {
        guard hasWaitingConnection else {
            isAcceptPending = true
            return true
        }
        acceptWaiting(args)
        return false
    }

    /// libuv has a connection, or an error.
    ///
    /// While nobody asks, a connection is left there: not calling `uv_accept` stops polling, and the
    /// clients wait in the kernel's backlog. An error is always passed on: libuv would call again
    /// with it, at once and without end, until the handle is closed.
    private func connected(_ status: Int32) {
        hasWaitingConnection = status == 0
        guard let args = acceptArgs, isAcceptPending || status < 0 else { return }
        isAcceptPending = false
        loop.callback {
            if hasWaitingConnection {
                acceptWaiting(args)
            } else {
                args.error = .init(rawValue: status)
            }
            args.completed(args)
        }
    }

    private func acceptWaiting(_ args: SocketEventArgs) {
        hasWaitingConnection = false
        args.error = nil
        do throws(UVError) {
            let socket = try TCPHandle(on: loop)
            let status = unsafe uv_accept(stream, socket.stream)
            guard status == 0 else {
                socket.close()
                throw UVError(call: "accept", code: .init(rawValue: status))
            }
            args.acceptedSocket = socket
        } catch {
            args.error = error.code
        }
    }

    /// Closes the handle, and leaves its socket to the caller: for a connection that is to live on
    /// another loop. The socket must not have been read from or written to by way of this handle.
    ///
    /// - Returns: The socket's descriptor; nil where there is none.
    func release() -> Int32? {
        guard let descriptor else { return nil }
        // A handle without a descriptor has none to close, or to take out of its loop
        // (libuv, `uv__stream_close` and `uv__io_stop`).
        unsafe stream.pointee.io_watcher.fd = -1
        close()
        return descriptor
    }

    /// A second descriptor for the same socket, which keeps its backlog alive while this handle is
    /// closed; nil when there is none left.
    func duplicateDescriptor() -> Int32? {
        descriptor.flatMap(TCPHandle.duplicate)
    }

    static func duplicate(_ descriptor: Int32) -> Int32? {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        return copy >= 0 ? copy : nil
    }

    static func closeDescriptor(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }
}
