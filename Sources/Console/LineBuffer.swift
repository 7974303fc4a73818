/// Divides bytes into lines.
///
/// A line that is too long is reported, and no part of it is returned.
public struct LineBuffer {
    /// A line of the input.
    public enum Line: Equatable, Sendable {
        /// A whole line, without its end.
        case whole([UInt8])
        /// A line that is longer than the buffer's limit.
        ///
        /// It is reported once, as soon as that is known. The buffer skips the rest of the line.
        case tooLong
    }

    /// The most bytes that a line may have, without its end.
    public let maximumLength: Int

    /// The bytes of the line that has not ended: at most the limit plus a carriage return.
    private var partial: [UInt8] = []
    private var isPassingOver = false

    /// Whether a line has begun and not ended.
    public var hasPart: Bool { !partial.isEmpty }

    /// Makes an empty buffer.
    ///
    /// - Parameter maximumLength: The most bytes that a line may have, without its end.
    public init(maximumLength: Int) {
        self.maximumLength = maximumLength
    }

    /// Adds bytes.
    ///
    /// - Parameter bytes: The bytes.
    /// - Returns: The new whole lines and reports of lines too long. A line ends with LF or CR LF.
    public mutating func append(_ bytes: [UInt8]) -> [Line] {
        var lines: [Line] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !isPassingOver { lines.append(.whole(takeLine())) }
                isPassingOver = false
            } else if !isPassingOver {
                add(byte, &lines)
            }
        }
        return lines
    }

    /// Ends the input: there are no more bytes.
    ///
    /// - Returns: The last line, if it has no end. Otherwise nil.
    public mutating func finish() -> Line? {
        defer {
            partial = []
            isPassingOver = false
        }
        if partial.isEmpty { return nil }
        return partial.count > maximumLength ? .tooLong : .whole(partial)
    }

    private mutating func add(_ byte: UInt8, _ lines: inout [Line]) {
        // One byte beyond the limit may be the carriage return of the line's end.
        let hasRoom =
            partial.count < maximumLength
            || (partial.count == maximumLength && byte == UInt8(ascii: "\r"))
        if hasRoom { return partial.append(byte) }
        partial = []
        isPassingOver = true
        lines.append(.tooLong)
    }

    private mutating func takeLine() -> [UInt8] {
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        defer { partial.removeAll(keepingCapacity: true) }
        return partial
    }
}
