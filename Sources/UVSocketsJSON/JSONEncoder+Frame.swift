public import Foundation

extension JSONEncoder {
    /// Writes a value as a frame's payload.
    ///
    /// The payload has no line feed unless `outputFormatting` has `.prettyPrinted`. So it can be
    /// sent as a line.
    ///
    /// - Parameter value: The value.
    /// - Returns: The payload for any codec, as JSON in UTF-8.
    /// - Throws: `EncodingError`, as `encode(_:)` does.
    public func payload(of value: some Encodable) throws -> [UInt8] {
        Array(try encode(value))
    }
}
