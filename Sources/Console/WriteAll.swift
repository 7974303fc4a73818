import Glibc

/// Writes all bytes. Waits if the descriptor is non-blocking and has no room.
///
/// - Returns: The `errno` of a failed write. Nil when everything is written.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
    var written = 0
    while written < bytes.count {
        let count = unsafe bytes.withUnsafeBytes { buffer in
            unsafe Glibc.write(
                descriptor, buffer.baseAddress.map { unsafe $0 + written },
                buffer.count - written)
        }
        if count >= 0 {
            written += count
            continue
        }
        switch errno {
        case EINTR: continue
        case EAGAIN:
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&request, 1, -1)
        default: return errno
        }
    }
    return nil
}
