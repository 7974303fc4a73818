// What a handler does with the bytes of a message. Nothing here copies or allocates.

extension Span<UInt8> {
    /// Whether the bytes are those of a text in UTF-8: `line == "quit"`.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - text: The text. Its bytes are compared, not its characters: two ways to write "é" differ.
    /// - Returns: Whether they are.
    @inlinable
    public static func == (bytes: Self, text: some StringProtocol) -> Bool {
        text.utf8.withSpan { bytes == $0 }
    }

    /// Whether the bytes are those of a collection, such as an array.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - other: The collection.
    /// - Returns: Whether they are.
    @inlinable
    public static func == (bytes: Self, other: some Collection<UInt8>) -> Bool {
        other.withSpan { bytes == $0 }
    }

    /// Whether the bytes are not those of a text in UTF-8.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - text: The text.
    /// - Returns: Whether they are not.
    @inlinable
    public static func != (bytes: Self, text: some StringProtocol) -> Bool {
        !(bytes == text)
    }

    /// Whether the bytes are not those of a collection, such as an array.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - other: The collection.
    /// - Returns: Whether they are not.
    @inlinable
    public static func != (bytes: Self, other: some Collection<UInt8>) -> Bool {
        !(bytes == other)
    }

    /// Whether the bytes are those of a text, as the pattern of a `switch`: `case "quit":`.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - bytes: The bytes.
    /// - Returns: Whether they are.
    @inlinable
    public static func ~= (text: some StringProtocol, bytes: Self) -> Bool {
        bytes == text
    }

    /// Whether the bytes begin with those of a text.
    ///
    /// - Parameter prefix: The text. Everything begins with an empty one.
    /// - Returns: Whether they do.
    @inlinable
    public func starts(with prefix: some StringProtocol) -> Bool {
        prefix.utf8.withSpan { starts(with: $0) }
    }

    /// Whether the bytes begin with those of a collection, such as an array.
    ///
    /// - Parameter prefix: The collection. Everything begins with an empty one.
    /// - Returns: Whether they do.
    @inlinable
    public func starts(with prefix: some Collection<UInt8>) -> Bool {
        prefix.withSpan { starts(with: $0) }
    }

    /// Shows each byte, in order.
    ///
    /// - Parameter body: Gets a byte.
    /// - Throws: What `body` throws. It gets no further byte then.
    @inlinable
    public func forEach<Failure: Error>(
        _ body: (UInt8) throws(Failure) -> Void
    ) throws(Failure) {
        for index in indices { try body(self[index]) }
    }

    /// Shows the parts between separators, in order.
    ///
    ///     line.split(separator: UInt8(ascii: " ")) { word in … }
    ///
    /// - Parameters:
    ///   - separator: The byte between two parts.
    ///   - maxSplits: At how many separators to split. The last part has the rest, as it is.
    ///   - omittingEmptySubsequences: Whether empty parts are left out.
    ///   - body: Gets a part. It cannot keep the span.
    /// - Throws: What `body` throws. It gets no further part then.
    public func split<Failure: Error>(
        separator: UInt8, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true,
        _ body: (Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        var (start, next, splits) = (0, 0, 0)
        while splits < maxSplits, let end = firstIndex(of: separator, from: next) {
            next = end + 1
            if end > start || !omittingEmptySubsequences {
                try body(extracting(start..<end))
                splits += 1
            }
            start = next
        }
        if start < count || !omittingEmptySubsequences { try body(extracting(start...)) }
    }
}

extension Int {
    /// Reads a number in decimal digits, such as `0`, `007` or `-12`.
    ///
    /// It is stricter than `Int(_: String)`: there is no plus sign.
    ///
    /// - Parameter bytes: The digits, with a minus sign before them or not, and nothing else. Nil if
    ///   they are something else, if there are none, or if the number does not fit.
    public init?(decimal bytes: Span<UInt8>) {
        let isNegative = !bytes.isEmpty && bytes[0] == UInt8(ascii: "-")
        guard bytes.count > (isNegative ? 1 : 0) else { return nil }
        var value = 0
        for index in (isNegative ? 1 : 0)..<bytes.count {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[index] else { return nil }
            // Below zero there is one number more than above.
            let digit = Int(bytes[index] - UInt8(ascii: "0")) * (isNegative ? -1 : 1)
            let (ten, isTooFar) = value.multipliedReportingOverflow(by: 10)
            let (sum, isFurther) = ten.addingReportingOverflow(digit)
            guard !isTooFar, !isFurther else { return nil }
            value = sum
        }
        self = value
    }

    /// Reads a number in decimal digits, as `Int(decimal:)` of a span does.
    ///
    /// - Parameter bytes: The digits, such as an array or a part of one.
    @inlinable
    public init?(decimal bytes: some Collection<UInt8>) {
        guard let value = bytes.withSpan({ Int(decimal: $0) }) else { return nil }
        self = value
    }
}
