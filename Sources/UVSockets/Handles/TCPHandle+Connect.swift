internal import CLibuv

extension TCPHandle {
    /// Asks for a connection to an address. If there is none, `args.error` says why.
    ///
    /// - Returns: Whether the answer is pending. It is not if the system refuses at once.
    func connect(to address: SocketAddress, _ args: SocketEventArgs) -> Bool {
        args.error = nil
        let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
        unsafe request.pointee.data = Unmanaged.passRetained(args).toOpaque()
        let status = unsafe address.withSockaddr { address, _ in
            unsafe uv_tcp_connect(request, tcp, address) { unsafe TCPHandle.connectEnded($0, $1) }
        }
        guard status == 0 else {
            unsafe Unmanaged.passUnretained(args).release()
            unsafe request.deallocate()
            args.error = .init(rawValue: status)
            return false
        }
        return true
    }

    private static func connectEnded(
        _ request: UnsafeMutablePointer<uv_connect_t>?, _ status: Int32
    ) {
        guard let request = unsafe request, let data = unsafe request.pointee.data else { return }
        let args = unsafe Unmanaged<SocketEventArgs>.fromOpaque(data).takeRetainedValue()
        let handle = unsafe TCPHandle.from(request.pointee.handle)
        unsafe request.deallocate()
        args.error = status < 0 ? .init(rawValue: status) : nil
        handle.loop.callback { args.completed(args) }
    }
}
