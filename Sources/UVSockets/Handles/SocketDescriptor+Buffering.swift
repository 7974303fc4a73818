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

    /// How many connections the kernel has turned away at this listening socket; 0 if the system
    /// does not tell (socket(7), SO_MEMINFO; `SK_MEMINFO_DROPS` is the ninth number).
    var drops: UInt32 {
        #if canImport(Glibc)
            var numbers: [9 of UInt32] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
            var length = socklen_t(MemoryLayout.size(ofValue: numbers))
            let option: Int32 = 55
            guard unsafe getsockopt(number, SOL_SOCKET, option, &numbers, &length) == 0,
                length == MemoryLayout.size(ofValue: numbers)
            else { return 0 }
            return numbers[8]
        #else
            return 0
        #endif
    }
}
