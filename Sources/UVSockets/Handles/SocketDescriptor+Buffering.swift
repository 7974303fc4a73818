#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// How much the kernel takes for a peer.
extension SocketDescriptor {
    /// Sets how many bytes the kernel holds for the peer (SO_SNDBUF). It doubles the number.
    func setSendBuffer(_ size: Int) {
        var value = Int32(clamping: size)
        set(SOL_SOCKET, SO_SNDBUF, &value)
    }

    /// Sets how many bytes the kernel takes that it has not sent yet (TCP_NOTSENT_LOWAT).
    func setUnsentLimit(_ limit: Int) {
        var value = Int32(clamping: limit)
        set(Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &value)
    }
}
