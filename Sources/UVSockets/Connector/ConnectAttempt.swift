/// What a connector holds during one attempt: first a lookup, then a socket for each address in
/// progress.
final class ConnectAttempt {
    /// The connector. Nil once the attempt has ended.
    private(set) var connector: UVConnector?
    private let deadline: TimerHandle
    /// Made only when an address is tried while another one waits.
    private var delay: TimerHandle?
    var lookup: LookupRequest?
    var race = AddressRace([])
    /// The local address that its sockets are bound to. Nil lets the system choose.
    var local: SocketAddress?
    /// The address that was tried last.
    private(set) var address: SocketAddress?
    /// The newest socket, and the older ones that are still connecting. They are kept apart because
    /// usually there is only one socket.
    private var socket: TCPHandle?
    private var earlier: [TCPHandle] = []
    /// A stream that connected at once and was not reported yet.
    var connected: ConnectedStream?
    /// The error of the address that failed last.
    var error: UVError?
    /// Why there will be no connection, if that is known before callbacks may be called.
    private(set) var failure: UVError?

    /// Makes an attempt and starts its deadline.
    init(_ connector: UVConnector, timeout time: Duration) throws(UVError) {
        self.connector = connector
        deadline = try TimerHandle(on: connector.loop) { connector.deadlinePassed() }
        deadline.onAbort = { connector.cancel() }
        deadline.start(after: time)
    }

    /// A socket has started to connect to an address.
    func started(_ socket: TCPHandle, _ address: SocketAddress) {
        if let former = self.socket { earlier.append(former) }
        self.socket = socket
        self.address = address
    }

    /// Calls the connector when the next address is due, if there is one.
    func awaitDelay() throws(UVError) {
        guard race.hasUntried, let connector else { return }
        if delay == nil {
            delay = try TimerHandle(on: connector.loop) { [connector] in
                connector.attemptDelayPassed()
            }
        }
        delay?.start(after: AddressRace.attemptDelay)
    }

    /// Calls a closure after a time.
    func retry(after time: Duration, _ body: @escaping () -> Void) throws(UVError) {
        guard let connector else { return }
        delay?.close()
        delay = try TimerHandle(on: connector.loop, onTick: body)
        delay?.start(after: time)
    }

    /// Ends the attempt as failed, in the next callback.
    func failLater(_ error: UVError) {
        failure = error
        deadline.start(after: .zero)
    }

    /// Closes a socket that is not needed any more.
    func close(_ socket: TCPHandle) {
        socket.close()
        if self.socket === socket { self.socket = nil }
        earlier.removeAll { $0 === socket }
    }

    /// Ends the attempt. Closes every socket except the one that has connected.
    func end(keeping winner: TCPHandle? = nil) {
        if let loop = connector?.loop { connected.take()?.close(on: loop) }
        connector = nil
        deadline.close()
        delay?.close()
        lookup?.cancel()
        for socket in earlier where socket !== winner { socket.close() }
        if let socket, socket !== winner { socket.close() }
    }
}
