import Testing

@testable import UVSockets

/// Bytes, written in a test as text whose characters stand for one byte each: `"\u{FF}one"`.
struct Wire: ExpressibleByStringLiteral, Equatable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    init(_ bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
    }

    init(stringLiteral text: String) {
        bytes = text.unicodeScalars.map { UInt8($0.value) }
    }

    static func + (one: Wire, other: Wire) -> Wire { Wire(one.bytes + other.bytes) }

    /// A piece so many times.
    static func * (piece: Wire, count: Int) -> Wire {
        Wire((0..<count).flatMap { _ in piece.bytes })
    }

    var description: String {
        let text = bytes.prefix(40).map { byte in
            switch byte {
            case 0x20...0x7E: String(UnicodeScalar(byte))
            case 0x0A: "\\n"
            case 0x0D: "\\r"
            default: "\\" + String(byte, radix: 16)
            }
        }
        return text.joined() + (bytes.count > 40 ? "… (\(bytes.count) bytes)" : "")
    }
}

/// How a stream ends: between two frames, so many bytes into one, or with an error before that.
enum WireEnd: Equatable, Sendable {
    case clean
    case truncated(Int)
    case error(FramingError)
}

/// A row of the tables: what comes in, and what must come of it however it is cut.
struct WireCase: Sendable, CustomTestStringConvertible {
    let number: String
    let title: String
    let codec: any FrameCodec
    let wire: Wire
    let frames: [Wire]
    let end: WireEnd

    init(
        _ number: String, _ title: String, _ codec: any FrameCodec, _ wire: Wire,
        _ frames: [Wire], _ end: WireEnd = .clean
    ) {
        self.number = number
        self.title = title
        self.codec = codec
        self.wire = wire
        self.frames = frames
        self.end = end
    }

    var testDescription: String { "\(number) \(title): \(wire)" }

    /// Every row of every table.
    static let all =
        lines + delimiters + fixed + lengthPrefixes + headers + varints + netstrings
}
