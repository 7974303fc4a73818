#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Finds a byte with `memchr`. It looks at many bytes at once, and a loop looks at only one.
///
/// - Returns: The first index of the byte at or after `start`; nil if it is not there.
@inline(__always)
func firstIndex(of byte: UInt8, in bytes: Span<UInt8>, from start: Int) -> Int? {
    precondition(start >= 0, "a search must not start before the first byte")
    guard start < bytes.count else { return nil }
    return unsafe bytes.withUnsafeBytes { all in
        // The span is not empty, so it has a base address.
        let base = unsafe all.baseAddress.unsafelyUnwrapped
        let found = unsafe memchr(base + start, Int32(byte), bytes.count - start)
        return unsafe found.map { unsafe UnsafeRawPointer($0) - base }
    }
}
