public import Foundation

extension JSONEncoder {
    /// Writes a value as a frame's payload.
    ///
    /// Unless `outputFormatting` has `.prettyPrinted`, no line feed is in it, so that it can be a
    /// line.
    ///
    /// - Parameter value: The value.
    /// - Returns: The payload, for any codec: JSON in UTF-8.
    /// - Throws: `EncodingError`, as `encode(_:)` does.
    public func payload(of value: some Encodable) throws -> [UInt8] {
        Array(try encode(value))
    }
}
