/// Bytes as lines, of which none may become too long.
public struct LineBuffer {
    private let maximumLength: Int
    private var partial: [UInt8] = []

    /// Makes an empty buffer.
    ///
    /// - Parameter maximumLength: The longest line in bytes; the rest of a longer one is left out.
    public init(maximumLength: Int = 4096) {
        self.maximumLength = maximumLength
    }

    /// Takes bytes in.
    ///
    /// - Parameter bytes: The bytes.
    /// - Returns: The lines that are whole now, without their ends.
    public mutating func append(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
                lines.append(partial)
                partial.removeAll(keepingCapacity: true)
            } else if partial.count < maximumLength {
                partial.append(byte)
            }
        }
        return lines
    }

    /// There are no more bytes.
    ///
    /// - Returns: The last line, if it has no end; nil where there is none.
    public mutating func finish() -> [UInt8]? {
        defer { partial = [] }
        return partial.isEmpty ? nil : partial
    }
}
