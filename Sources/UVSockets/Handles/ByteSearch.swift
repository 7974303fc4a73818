#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Finds a byte with `memchr`, which looks at many bytes at once where a loop looks at one.
///
/// - Returns: Where the byte is first found at or behind `start`; nil where it is not.
@inline(__always)
func firstIndex(of byte: UInt8, in bytes: Span<UInt8>, from start: Int) -> Int? {
    precondition(start >= 0, "a search begins within the bytes")
    guard start < bytes.count else { return nil }
    return unsafe bytes.withUnsafeBytes { all in
        // There are bytes, and so a base.
        let base = unsafe all.baseAddress.unsafelyUnwrapped
        let found = unsafe memchr(base + start, Int32(byte), bytes.count - start)
        return unsafe found.map { unsafe UnsafeRawPointer($0) - base }
    }
}
