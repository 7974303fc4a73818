/// What a connector holds while it tries to connect: a lookup, then a socket for each address that is
/// being tried.
final class ConnectAttempt {
    /// The connector; nil once the attempt has ended.
    private(set) var connector: UVConnector?
    private let deadline: TimerHandle
    /// Made only where an address is tried while another waits.
    private var delay: TimerHandle?
    var lookup: LookupRequest?
    var race = AddressRace([])
    /// What its sockets are bound to first; nil for what the system chooses.
    var local: SocketAddress?
    /// The address that was tried last.
    private(set) var address: SocketAddress?
    /// The socket that was made last, and the others that are still connecting. Apart, because most
    /// often there is but one.
    private var socket: TCPHandle?
    private var earlier: [TCPHandle] = []
    /// A stream that has connected at once, and is not told of yet.
    var connected: ConnectedStream?
    /// How an address has failed, the last that did.
    var error: UVError?
    /// Why there will be no connection, where that is known before a callback may be called.
    private(set) var failure: UVError?

    /// Makes an attempt, whose deadline runs.
    init(_ connector: UVConnector, timeout time: Duration) throws(UVError) {
        self.connector = connector
        deadline = try TimerHandle(on: connector.loop) { connector.deadlinePassed() }
        deadline.start(after: time)
    }

    /// An address is tried with a socket.
    func started(_ socket: TCPHandle, _ address: SocketAddress) {
        if let former = self.socket { earlier.append(former) }
        self.socket = socket
        self.address = address
    }

    /// Calls the connector when the next address is due, if one is left.
    func awaitDelay() throws(UVError) {
        guard race.hasUntried, let connector else { return }
        if delay == nil {
            delay = try TimerHandle(on: connector.loop) { [connector] in
                connector.attemptDelayPassed()
            }
        }
        delay?.start(after: AddressRace.attemptDelay)
    }

    /// Has something called after a time.
    func retry(after time: Duration, _ body: @escaping () -> Void) throws(UVError) {
        guard let connector else { return }
        delay?.close()
        delay = try TimerHandle(on: connector.loop, onTick: body)
        delay?.start(after: time)
    }

    /// Ends the attempt as failed in the next callback.
    func failLater(_ error: UVError) {
        failure = error
        deadline.start(after: .zero)
    }

    /// A socket is not needed any more.
    func close(_ socket: TCPHandle) {
        socket.close()
        if self.socket === socket { self.socket = nil }
        earlier.removeAll { $0 === socket }
    }

    /// Ends the attempt, and every socket but the one that has connected.
    func end(keeping winner: TCPHandle? = nil) {
        connector = nil
        deadline.close()
        delay?.close()
        lookup?.cancel()
        connected.take()?.close()
        for socket in earlier where socket !== winner { socket.close() }
        if let socket, socket !== winner { socket.close() }
    }
}
