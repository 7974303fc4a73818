#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

extension Span<UInt8> {
    /// Finds a byte. It looks at many bytes at once, and a loop looks at only one.
    ///
    /// - Parameters:
    ///   - byte: The byte.
    ///   - start: Where to begin, at least 0.
    /// - Returns: The first index of the byte at or after `start`; nil if it is not there.
    @inline(__always)
    public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        precondition(start >= 0, "a search must not start before the first byte")
        guard start < count else { return nil }
        return unsafe withUnsafeBytes { all in
            // The span is not empty, so it has a base address.
            let base = unsafe all.baseAddress.unsafelyUnwrapped
            let found = unsafe memchr(base + start, Int32(byte), count - start)
            return unsafe found.map { unsafe UnsafeRawPointer($0) - base }
        }
    }

    /// Whether the bytes are the same.
    ///
    /// - Parameters:
    ///   - one: Some bytes.
    ///   - other: Others.
    /// - Returns: Whether there are as many, and all are equal.
    public static func == (one: Self, other: Self) -> Bool {
        one.count == other.count && one.starts(with: other)
    }

    /// Whether the bytes are not the same.
    ///
    /// - Parameters:
    ///   - one: Some bytes.
    ///   - other: Others.
    /// - Returns: Whether they are not equal.
    public static func != (one: Self, other: Self) -> Bool {
        !(one == other)
    }

    /// Whether the bytes begin with others.
    ///
    /// - Parameter prefix: The others. Everything begins with none.
    /// - Returns: Whether they do.
    public func starts(with prefix: Self) -> Bool {
        guard prefix.count <= count else { return false }
        return unsafe withUnsafeBytes { all in
            unsafe prefix.withUnsafeBytes { first in
                guard let all = all.baseAddress, let first = first.baseAddress else { return true }
                return unsafe memcmp(all, first, prefix.count) == 0
            }
        }
    }
}
