/// The prefix and the suffix of a payload: what stands before and after it on the wire.
public struct FrameWrapper: Equatable, Sendable {
    /// What stands before the payload.
    public let prefix: Bytes
    /// What stands after the payload.
    public let suffix: Bytes

    /// Makes a wrapper of a prefix and a suffix.
    ///
    /// - Parameters:
    ///   - prefix: What stands before the payload; nothing by default.
    ///   - suffix: What stands after the payload; nothing by default.
    @inline(__always)
    public init(prefix: Bytes = Bytes(), suffix: Bytes = Bytes()) {
        self.prefix = prefix
        self.suffix = suffix
    }

    /// How many bytes the prefix and the suffix have together.
    public var count: Int { prefix.count + suffix.count }
}

extension FrameWrapper {
    /// A prefix or a suffix: at most 23 bytes, stored in place.
    ///
    /// Framing a message therefore allocates nothing.
    public struct Bytes: Sendable {
        /// The most bytes that a prefix or a suffix can have.
        public static let capacity = 23

        /// The bytes. The first is in the lowest bits of the first word. They are words because the
        /// compiler keeps words in registers, and a prefix or suffix is made for each message that
        /// is sent.
        private(set) var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        private var used: UInt8 = 0
        /// How many bytes the words have together.
        static let sizeInWords = 24

        /// Makes a prefix or suffix without bytes.
        @inline(__always)
        public init() {}

        /// How many bytes there are.
        @inline(__always)
        public var count: Int { Int(used) }
        /// Whether there are none.
        public var isEmpty: Bool { used == 0 }

        /// Reads one of the bytes.
        ///
        /// - Parameter index: The position of the byte, counted from 0.
        @inline(__always)
        public subscript(index: Int) -> UInt8 {
            precondition(0..<count ~= index, "the index is out of range")
            let word = index < 8 ? words.0 : index < 16 ? words.1 : words.2
            return UInt8(truncatingIfNeeded: word >> Self.shift(index))
        }

        /// How many bits are below a byte in its word.
        private static func shift(_ index: Int) -> UInt64 { UInt64(index & 7) * 8 }

        /// Adds a byte. More than ``capacity`` bytes are a programmer's error and trap.
        ///
        /// - Parameter byte: The byte.
        @inline(__always)
        public mutating func append(_ byte: UInt8) {
            precondition(count < Self.capacity, "a frame's prefix or suffix has at most 23 bytes")
            let bits = UInt64(byte) << Self.shift(count)
            switch count {
            case ..<8: words.0 |= bits
            case ..<16: words.1 |= bits
            default: words.2 |= bits
            }
            used += 1
        }

        /// Shows the bytes.
        ///
        /// - Parameter body: Reads the bytes. It cannot keep the span.
        /// - Returns: What `body` returns.
        /// - Throws: What `body` throws.
        public func withSpan<Result, Failure: Error>(
            _ body: (Span<UInt8>) throws(Failure) -> Result
        ) throws(Failure) -> Result {
            var bytes = InlineArray<23, UInt8>(repeating: 0)
            for index in 0..<count { bytes[index] = self[index] }
            return try body(bytes.span.extracting(..<count))
        }

        /// Adds the bytes to an array.
        ///
        /// - Parameter array: The array.
        public func append(to array: inout [UInt8]) {
            withSpan { array.append(copying: $0) }
        }
    }
}

extension FrameWrapper.Bytes: ExpressibleByArrayLiteral {
    /// Makes a prefix or suffix of the listed bytes.
    ///
    /// - Parameter elements: The bytes, at most ``capacity`` of them.
    public init(arrayLiteral elements: UInt8...) {
        self.init(elements)
    }

    /// Makes a prefix or suffix of the given bytes.
    ///
    /// - Parameter bytes: The bytes, at most ``capacity`` of them.
    public init(_ bytes: some Sequence<UInt8>) {
        self.init()
        for byte in bytes { append(byte) }
    }
}

extension FrameWrapper.Bytes: Equatable {
    /// Whether both values have the same bytes.
    ///
    /// - Parameters:
    ///   - one: A prefix or suffix.
    ///   - other: Another one.
    /// - Returns: Whether they have the same bytes.
    public static func == (one: Self, other: Self) -> Bool {
        one.words == other.words && one.used == other.used
    }
}
