/// The reusable shuttle of an asynchronous cycle: it carries the request's parameters there and its
/// result back. Made once when a cycle starts, reused for every turn of it.
///
/// The receive cycles of a loop share one, as they share its buffer, because only one of them is
/// answered at a time: a connection that waits owns neither. Whose answer it is, the handle knows.
@safe final class SocketEventArgs {
    /// What ``completed`` needs to find its way: the object whose cycle this is.
    var userToken: AnyObject?
    /// The client that an `accept` brought.
    var accepted: ConnectedStream?
    /// Where a `receive` puts its bytes; the loop's.
    let buffer: ReceiveBuffer
    /// How many bytes a `receive` brought.
    var bytesTransferred = 0
    /// Whose task may take messages, nobody's where it is the buffer's; and of which bytes of the
    /// buffer, which are what it has not taken yet.
    private var taker: ObjectIdentifier
    private var start: UnsafeRawPointer
    private(set) var untaken = 0
    /// Why the operation failed; nil when it did not.
    var error: UVError.Code?
    /// Called when a pending operation is complete.
    let completed: (SocketEventArgs) -> Void
    /// The socket that a `connect` is for, and whom to.
    var connectSocket: TCPHandle?
    var remoteAddress: SocketAddress?

    /// Makes a cycle's shuttle. Where `completed` captures nothing and asks `userToken` instead,
    /// it costs no allocation.
    init(
        userToken: AnyObject?, buffer: ReceiveBuffer, completed: @escaping (SocketEventArgs) -> Void
    ) {
        self.userToken = userToken
        self.buffer = buffer
        taker = ObjectIdentifier(buffer)
        unsafe start = UnsafeRawPointer(buffer.base)
        self.completed = completed
    }

    /// The connection's task may take what a `receive` brought, or none of it where what it had to
    /// leave before is delivered; until ``endTaking()``.
    func beginTaking(for connection: UVConnection, _ count: Int) {
        taker = ObjectIdentifier(connection)
        unsafe start = UnsafeRawPointer(buffer.base)
        untaken = count
    }

    func endTaking() {
        taker = ObjectIdentifier(buffer)
    }

    /// The next message of what was received.
    @inline(__always)
    func take(for connection: UVConnection) throws(FramingError) -> [UInt8]? {
        guard taker == ObjectIdentifier(connection) else { return nil }
        var taken = 0
        let rest = unsafe UnsafeRawBufferPointer(start: start, count: untaken)
        let message = try unsafe rest.withMemoryRebound(to: UInt8.self) {
            rest throws(FramingError) in
            try unsafe connection.takeFrame(of: rest.span, &taken)
        }
        precondition(0...untaken ~= taken, "more was taken than was received")
        unsafe start += taken
        untaken -= taken
        return message
    }
}
