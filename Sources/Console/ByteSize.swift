import ArgumentParser

/// A number of bytes as an option: `65536`, `64k`, `1m`, `2g`, with powers of 1024.
public struct ByteSize: CustomStringConvertible, Sendable {
    /// The most that can be said: 1 TiB.
    public static let greatest = 1 << 40

    private static let units: [(Character, Int)] = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)]

    /// How many bytes.
    public let bytes: Int

    /// Wraps a number.
    ///
    /// - Parameter bytes: How many bytes.
    public init(_ bytes: Int) {
        self.bytes = bytes
    }

    /// Reads a size of at least one byte for an option.
    ///
    /// - Parameter argument: Digits, and behind them `k`, `m`, `g`, in either case, or nothing.
    /// - Returns: How many bytes.
    /// - Throws: `ValidationError` where it is no such size, or above ``greatest``.
    public static func parse(_ argument: String) throws -> Int {
        let unit = units.first { argument.lowercased().hasSuffix(String($0.0)) }
        let digits = unit == nil ? argument[...] : argument.dropLast()
        guard let number = Int(digits: digits), case let factor = unit?.1 ?? 1,
            1...(greatest / factor) ~= number
        else {
            throw ValidationError(
                "it takes a size from 1 to \(ByteSize(greatest)), such as 65536, 64k or 1m")
        }
        return number * factor
    }

    /// The size as ``parse(_:)`` reads it, in the greatest unit of which it is a multiple.
    public var description: String {
        guard bytes > 0, let unit = Self.units.first(where: { bytes % $0.1 == 0 }) else {
            return "\(bytes)"
        }
        return "\(bytes / unit.1)\(unit.0)"
    }
}
