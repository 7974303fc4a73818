/// Carries the parameters of an asynchronous request there, and its result back.
///
/// A cycle of requests makes it once, and reuses it for each of them.
///
/// The receive cycles of a loop share one, as they share its buffer, because only one of them is
/// answered at a time. So a connection that waits owns neither. The handle knows which connection
/// an answer belongs to.
@safe final class SocketEventArgs {
    /// The object whose cycle this is. ``completed`` finds it here.
    var userToken: AnyObject?
    /// The client that an `accept` has brought.
    var accepted: ConnectedStream?
    /// Where a `receive` puts its bytes. It is the loop's buffer.
    let buffer: ReceiveBuffer
    /// How many bytes a `receive` has brought.
    var bytesTransferred = 0
    /// The connection whose task may take messages now (the buffer itself means none), and the
    /// bytes of the buffer that it has not taken yet.
    private var taker: ObjectIdentifier
    private var start: UnsafeRawPointer
    private(set) var untaken = 0
    /// Why the operation failed; nil if it did not.
    var error: UVError.Code?
    /// Called when a pending operation is complete.
    let completed: (SocketEventArgs) -> Void
    /// The socket of a `connect`, and the address that it connects to.
    var connectSocket: TCPHandle?
    var remoteAddress: SocketAddress?

    /// Makes the args of a cycle. They cost no allocation for `completed`, if it captures nothing
    /// and uses `userToken` instead.
    init(
        userToken: AnyObject?, buffer: ReceiveBuffer, completed: @escaping (SocketEventArgs) -> Void
    ) {
        self.userToken = userToken
        self.buffer = buffer
        taker = ObjectIdentifier(buffer)
        unsafe start = UnsafeRawPointer(buffer.base)
        self.completed = completed
    }

    /// Lets the connection's task take what a `receive` has brought, until ``endTaking()``. The
    /// count is 0 if only messages are delivered that had to wait before.
    func beginTaking(for connection: UVConnection, _ count: Int) {
        taker = ObjectIdentifier(connection)
        unsafe start = UnsafeRawPointer(buffer.base)
        untaken = count
    }

    func endTaking() {
        taker = ObjectIdentifier(buffer)
    }

    /// How many received bytes the connection's task may still take.
    func untaken(of connection: UVConnection) -> Int {
        taker == ObjectIdentifier(connection) ? untaken : 0
    }

    /// The next message of what was received.
    @inline(__always)
    func take(for connection: UVConnection) throws(FramingError) -> [UInt8]? {
        guard taker == ObjectIdentifier(connection) else { return nil }
        var taken = 0
        let rest = unsafe UnsafeRawBufferPointer(start: start, count: untaken)
        let message: [UInt8]?
        do throws(FramingError) {
            message = try unsafe rest.withMemoryRebound(to: UInt8.self) {
                rest throws(FramingError) in
                try unsafe connection.takeFrame(of: rest.span, &taken)
            }
        } catch {
            // What belongs to the wrong frame may be kept already.
            untaken -= taken
            throw error
        }
        precondition(0...untaken ~= taken, "more bytes were taken than were received")
        unsafe start += taken
        untaken -= taken
        return message
    }
}
