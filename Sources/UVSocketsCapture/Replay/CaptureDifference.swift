extension UVCapture {
    /// Where two streams first differ. How they were cut does not matter.
    public struct Difference: Sendable, Hashable, CustomStringConvertible {
        /// How many bytes around the difference are shown, on each side of it.
        private static let context = 24

        /// The offset of the first byte that differs. If one stream has more bytes, it is the length
        /// of the other.
        public let offset: Int
        /// How many bytes the capture has.
        public let expectedCount: Int
        /// How many bytes there were now.
        public let actualCount: Int
        /// Where the shown bytes begin.
        public let contextOffset: Int
        /// The bytes of the capture around the offset.
        public let expected: [UInt8]
        /// The bytes of now around the offset.
        public let actual: [UInt8]

        /// Compares two streams. The result is nil if they are equal.
        ///
        /// - Parameters:
        ///   - expected: The bytes of the capture.
        ///   - actual: The bytes of now.
        public init?(expected: [UInt8], actual: [UInt8]) {
            let common = min(expected.count, actual.count)
            let first = (0..<common).first { expected[$0] != actual[$0] }
            guard first != nil || expected.count != actual.count else { return nil }
            let offset = first ?? common
            self.offset = offset
            (expectedCount, actualCount) = (expected.count, actual.count)
            let start = max(0, offset - Self.context)
            contextOffset = start
            let end = offset + Self.context
            self.expected = Array(expected[start..<min(end, expected.count)])
            self.actual = Array(actual[start..<min(end, actual.count)])
        }

        /// The difference in words, with both sides' bytes escaped.
        public var description: String {
            """
            differs at offset \(offset): \(expectedCount) bytes in the capture, \
            \(actualCount) now
              from \(contextOffset) the capture has: \(escaped(expected))
              from \(contextOffset) now there is:    \(escaped(actual))
            """
        }
    }
}
