import ArgumentParser
import UVSockets

/// A number of bytes as an option, such as `65536`, `64k`, `1m` or `2g`. Units are powers of 1024.
public struct ByteSize: CustomStringConvertible, Sendable {
    /// The greatest size allowed: 1 TiB.
    public static let greatest = Quantity.greatestSize

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
        guard let bytes = Quantity.bytes(argument) else {
            throw ValidationError(
                "the value must be a size from 1 to \(ByteSize(greatest)), such as 65536, 64k or 1m"
            )
        }
        return bytes
    }

    /// The size in the format of ``parse(_:)``, in the greatest unit that divides it.
    public var description: String { Quantity.text(bytes: bytes) }
}
