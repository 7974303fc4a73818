internal import CLibuv

/// The source of clients: a listening socket, or a port in memory.
class ListeningHandle: Handle {
    /// Carries the answers of ``accept()``.
    final let args: SocketEventArgs
    /// Whether a request is waiting for a client.
    private(set) final var isAcceptPending = false

    init(
        _ type: uv_handle_type, on loop: UVLoop, _ args: SocketEventArgs,
        start: (UnsafeMutableRawPointer) -> Int32
    ) throws(UVError) {
        self.args = args
        try unsafe super.init(type, on: loop, call: "listen", start: start)
    }

    override var owner: String {
        let listener = (args.userToken as? UVListener).map { "the listener made at \($0.origin): " }
        return "\(listener ?? "")\(name)"
    }

    /// The address where it listens; nil when it is closed.
    var localAddress: SocketAddress? { nil }

    /// How many clients wait to be accepted, and how many may; nil if the system does not tell.
    var backlog: (waiting: Int, limit: Int)? { nil }
    /// How many clients the kernel has turned away because the backlog was full.
    var drops: UInt32 { 0 }

    final override func dropCallbacks() {
        args.userToken = nil
    }

    final override func abort() {
        stop()
    }

    /// Stops listening. Clients that have not been accepted see a reset.
    func stop() {
        close()
    }

    /// Asks for the next client. The answer is `args.accepted`, or `args.error` if there is no
    /// client.
    ///
    /// - Returns: True if the answer is pending: `args.completed` will be called. False if the
    ///   answer is in `args` already.
    final func accept() -> Bool {
        isAcceptPending = !acceptAtOnce()
        if isAcceptPending { awaitClient() }
        return isAcceptPending
    }

    /// Withdraws the request, because another handle of the listener has brought its client.
    final func withdraw() {
        isAcceptPending = false
    }

    private func acceptAtOnce() -> Bool {
        args.accepted = nil
        args.error = nil
        return !isClosing && acceptNow()
    }

    /// Accepts a client, if there is one.
    ///
    /// - Returns: False if there is no client and no error either.
    func acceptNow() -> Bool { false }

    /// Makes sure that ``ready(_:)`` is called when a client comes.
    func awaitClient() {}

    /// Handles the news that a client may be there, or that waiting for clients has failed.
    ///
    /// - Parameter error: Why waiting has failed; nil if a client may be there.
    final func ready(_ error: UVError.Code? = nil) {
        guard isAcceptPending else { return }
        if let error {
            args.error = error
        } else if !acceptAtOnce() {
            return
        }
        isAcceptPending = false
        loop.callback { args.completed(args) }
    }
}

/// The source of the clients that come to a port in memory.
@safe final class MemoryListeningHandle: ListeningHandle, MemoryActor {
    private let network: MemoryNetwork
    private let port: MemoryPort

    /// Starts to listen.
    ///
    /// - Throws: ``UVError`` if somebody listens there already.
    init(
        on loop: UVLoop, _ network: MemoryNetwork, at endpoint: UVEndpoint, backlog: Int32,
        isIPv6Only: Bool, _ args: SocketEventArgs
    ) throws(UVError) {
        let port = try network.listen(
            at: endpoint, backlog: Int(backlog), isIPv6Only: isIPv6Only)
        self.network = network
        self.port = port
        try unsafe super.init(UV_IDLE, on: loop, args) { memory in
            unsafe uv_idle_init(loop.raw, memory.assumingMemoryBound(to: uv_idle_t.self))
        }
        port.onArrival = { [unowned self] in network.wake(self) }
    }

    /// Where it listens. A name stays a name.
    var endpoint: UVEndpoint { port.endpoint }
    override var name: String { "port in memory \(port.endpoint)" }
    override var localAddress: SocketAddress? { isClosing ? nil : port.address }

    override func stop() {
        guard !isClosing else { return }
        network.close(port)
        close()
    }

    func proceed() {
        ready()
    }

    override func acceptNow() -> Bool {
        guard let end = port.accept() else { return false }
        args.accepted = ConnectedStream(
            source: .memory(MemoryTicket(end, of: network)), peer: end.peer)
        return true
    }
}
