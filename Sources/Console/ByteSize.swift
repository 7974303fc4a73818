import ArgumentParser

/// A number of bytes as an option, such as `65536`, `64k`, `1m` or `2g`. Units are powers of 1024.
public struct ByteSize: CustomStringConvertible, Sendable {
    /// The greatest size allowed: 1 TiB.
    public static let greatest = 1 << 40

    private static let units: [(Character, Int)] = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)]

    /// The number of bytes.
    public let bytes: Int

    /// Makes a size.
    ///
    /// - Parameter bytes: The number of bytes.
    public init(_ bytes: Int) {
        self.bytes = bytes
    }

    /// Reads a size of at least one byte for an option.
    ///
    /// - Parameter argument: Digits, then `k`, `m`, `g` (in either case) or nothing.
    /// - Returns: The number of bytes.
    /// - Throws: `ValidationError` if it is not such a size, or is above ``greatest``.
    public static func parse(_ argument: String) throws -> Int {
        let unit = units.first { argument.lowercased().hasSuffix(String($0.0)) }
        let digits = unit == nil ? argument[...] : argument.dropLast()
        guard let number = Int(digits: digits), case let factor = unit?.1 ?? 1,
            1...(greatest / factor) ~= number
        else {
            throw ValidationError(
                "the value must be a size from 1 to \(ByteSize(greatest)), such as 65536, 64k or 1m"
            )
        }
        return number * factor
    }

    /// The size in the format of ``parse(_:)``, in the greatest unit that divides it.
    public var description: String {
        guard bytes > 0, let unit = Self.units.first(where: { bytes % $0.1 == 0 }) else {
            return "\(bytes)"
        }
        return "\(bytes / unit.1)\(unit.0)"
    }
}
