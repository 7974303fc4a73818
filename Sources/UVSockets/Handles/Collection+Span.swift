extension Collection<UInt8> {
    /// Shows the bytes where they lie in memory, or a copy if they are not contiguous.
    @inlinable
    @inline(__always)
    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        if let result = withContiguousStorageIfAvailable({ unsafe body($0.span) }) { return result }
        return body(Array(self).span)
    }
}
