extension Collection<UInt8> {
    /// Shows the bytes as they lie in memory, or a copy where they do not lie together.
    @inlinable
    @inline(__always)
    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        if let result = withContiguousStorageIfAvailable({ unsafe body($0.span) }) { return result }
        return body(Array(self).span)
    }
}
