/// Bytes as lines, of which none may become too long.
public struct LineBuffer {
    /// The longest line in bytes; the rest of a longer one is left out.
    public static let maximumLength = 4096

    private var partial: [UInt8] = []

    /// Makes an empty buffer.
    public init() {}

    /// Takes bytes in.
    ///
    /// - Parameter bytes: The bytes.
    /// - Returns: The lines that are whole now, without their ends.
    public mutating func append(_ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
                lines.append(String(decoding: partial, as: UTF8.self))
                partial.removeAll(keepingCapacity: true)
            } else if partial.count < Self.maximumLength {
                partial.append(byte)
            }
        }
        return lines
    }
}
