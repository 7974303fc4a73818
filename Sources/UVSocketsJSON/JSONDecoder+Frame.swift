public import Foundation
internal import UVSockets

extension JSONDecoder {
    /// Reads a value from a frame's payload.
    ///
    /// The payload must be one JSON value and nothing else.
    ///
    /// - Parameters:
    ///   - type: The value's type.
    ///   - payload: The payload, as a handler gets it.
    /// - Returns: The value.
    /// - Throws: `DecodingError`, as `decode(_:from:)` does.
    public func decode<Value: Decodable>(
        _ type: Value.Type = Value.self, from payload: Span<UInt8>
    ) throws -> Value {
        try decode(type, from: Data(Array(message: payload)))
    }
}
