/// The reusable shuttle of an asynchronous cycle: it carries the request's parameters there and its
/// result back. Made once when a cycle starts, reused for every turn of it.
///
/// The receive cycles of a loop share one, as they share its buffer, because only one of them is
/// answered at a time: a connection that waits owns neither. Whose answer it is, the handle knows.
final class SocketEventArgs {
    /// What ``completed`` needs to find its way: the object whose cycle this is.
    var userToken: AnyObject?
    /// The connection that an `accept` brought.
    var acceptedSocket: TCPHandle?
    /// Where a `receive` puts its bytes; the loop's.
    let buffer: ReceiveBuffer
    /// How many bytes a `receive` brought.
    var bytesTransferred = 0
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
        self.completed = completed
    }
}
