internal import CLibuv

#if canImport(Glibc)
    internal import Glibc
#endif

/// What the kernel knows of a TCP connection.
struct TCPState: Equatable, Sendable {
    /// How often the oldest bytes were sent again without an answer.
    var retransmits: UInt8 = 0
    /// How many probes of a closed window have no answer yet.
    var probes: UInt8 = 0
    /// Whether the kernel repairs a loss: it has entered "recovery" or "loss".
    var isRepairing = false
    /// How many segments have no acknowledgement yet.
    var unacknowledged: UInt32 = 0
    /// How many milliseconds ago data was sent last, also data that was sent again.
    var sinceSent: UInt32 = 0
    /// How many milliseconds ago the peer acknowledged something last.
    var sinceAcknowledged: UInt32 = 0
    /// The round trip in microseconds.
    var roundTrip: UInt32 = 0
    /// How many segments were sent again so far.
    var totalRetransmits: UInt32 = 0
    /// How many bytes the peer has acknowledged so far.
    var bytesAcknowledged: UInt64 = 0
    /// For how many microseconds there was something to send, and what limited it: the peer's
    /// window, or our send buffer.
    var busy: UInt64 = 0
    var windowLimited: UInt64 = 0
    var bufferLimited: UInt64 = 0
    /// The peer's window in bytes; nil if the kernel does not tell (before Linux 5.4).
    var window: UInt32?

    init() {}

    /// Reads the kernel's `tcp_info` (linux/tcp.h). Older kernels give fewer bytes.
    ///
    /// - Parameter info: The bytes. Nil is returned if not even the first fields are there.
    init?(_ info: Span<UInt8>) {
        guard info.count >= 104 else { return nil }
        func number<Number: FixedWidthInteger>(_ offset: Int, _ type: Number.Type) -> Number? {
            let size = Number.bitWidth / 8
            guard offset + size <= info.count else { return nil }
            var value: Number = 0
            for index in 0..<size {
                #if _endian(little)
                    value |= Number(truncatingIfNeeded: info[offset + index]) << Number(8 * index)
                #else
                    value = value << 8 | Number(truncatingIfNeeded: info[offset + index])
                #endif
            }
            return value
        }
        // TCP_CA_Recovery is 3 and TCP_CA_Loss is 4.
        isRepairing = info[1] >= 3
        retransmits = info[2]
        probes = info[3]
        unacknowledged = number(24, UInt32.self) ?? 0
        sinceSent = number(44, UInt32.self) ?? 0
        sinceAcknowledged = number(56, UInt32.self) ?? 0
        roundTrip = number(68, UInt32.self) ?? 0
        totalRetransmits = number(100, UInt32.self) ?? 0
        bytesAcknowledged = number(120, UInt64.self) ?? 0
        busy = number(168, UInt64.self) ?? 0
        windowLimited = number(176, UInt64.self) ?? 0
        bufferLimited = number(184, UInt64.self) ?? 0
        window = number(228, UInt32.self)
    }
}

extension SocketDescriptor {
    /// What the kernel knows of this TCP connection; nil if it does not tell, or for other sockets.
    var tcpState: TCPState? {
        #if canImport(Glibc)
            var size: socklen_t = 256
            let info = unsafe [UInt8](unsafeUninitializedCapacity: 256) { buffer, count in
                let status = unsafe getsockopt(
                    number, Int32(IPPROTO_TCP), TCP_INFO, buffer.baseAddress, &size)
                count = status == 0 ? Int(size) : 0
            }
            return TCPState(info.span)
        #else
            return nil
        #endif
    }

    /// How many clients wait in the backlog of this listening TCP socket, and how many may; nil if
    /// the system does not tell.
    var backlog: (waiting: Int, limit: Int)? {
        #if canImport(Glibc)
            // Of a listening socket, these two fields mean the backlog (Linux `tcp_get_info`).
            var info = tcp_info()
            var length = socklen_t(MemoryLayout<tcp_info>.size)
            guard
                unsafe getsockopt(number, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0
            else { return nil }
            return (Int(info.tcpi_unacked), Int(info.tcpi_sacked))
        #else
            return nil
        #endif
    }
}
