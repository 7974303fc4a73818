/// Where a connection's stream broke the rules of its framing, and the bytes around that place.
///
/// See ``UVConnection/framingFault`` and ``UVEndedClient/framingFault``. The bytes come from the
/// peer, and may hold secrets. The library writes at most 32 of them to a log, and only at level
/// `debug`.
///
/// All offsets count the bytes that the peer has sent from 0. If the connection has a layer, such
/// as encryption, they count the bytes that the layer has delivered.
public struct UVFramingFault: Sendable, Hashable {
    /// How many bytes are kept at most: 256.
    public static let byteLimit = 256

    /// What is wrong.
    public let error: FramingError
    /// Where in the stream the frame begins that is no frame.
    public let frameOffset: UInt64
    /// Where in the stream the offending byte is: the first one with which the bytes of the frame
    /// cannot be a frame. If the stream has ended within a frame, its end. If the frame has more
    /// than 64 KiB without being wrong in them, the last byte that came.
    public let offset: UInt64
    /// The bytes around that place, at most ``byteLimit``: half of them before it, half behind, as
    /// far as they had come.
    public let bytes: [UInt8]
    /// The index of the offending byte in ``bytes``. It is their count if the stream has ended.
    public let position: Int

    /// Finds the offending byte.
    ///
    /// - Parameters:
    ///   - error: What is wrong.
    ///   - before: Bytes before the frame, as far as they are at hand.
    ///   - frame: The bytes that are no frame, and those behind them.
    ///   - frameOffset: Where they are in the stream.
    ///   - codec: The codec that divides the stream; nil if none does.
    init(
        _ error: FramingError, before: Span<UInt8>, _ frame: Span<UInt8>, at frameOffset: UInt64,
        _ codec: (any FrameCodec)?
    ) {
        let place: Int
        if case .truncated = error {
            place = frame.count
        } else {
            place = codec.map { Self.offender(in: frame, $0) } ?? 0
        }
        let half = Self.byteLimit / 2
        let start = max(-before.count, place - half)
        let end = min(frame.count, place + half)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(end - start)
        for index in start..<max(start, end) {
            bytes.append(index < 0 ? before[before.count + index] : frame[index])
        }
        self.error = error
        self.frameOffset = frameOffset
        offset = frameOffset + UInt64(place)
        self.bytes = bytes
        position = place - start
    }

    /// How many bytes are searched for the offending one.
    private static let searchLimit = 64 * 1024

    /// The first byte with which the bytes cannot begin a frame.
    ///
    /// What a codec says about some bytes stays true when more follow. So the error is found by
    /// halves.
    private static func offender(in frame: Span<UInt8>, _ codec: any FrameCodec) -> Int {
        func fails(_ count: Int) -> Bool {
            do throws(FramingError) {
                _ = try codec.firstFrame(in: frame.extracting(0..<count), memory: 0)
                return false
            } catch {
                return true
            }
        }
        var (good, bad) = (0, min(frame.count, searchLimit))
        guard bad > 0, fails(bad) else { return max(0, frame.count - 1) }
        while bad - good > 1 {
            let middle = good + (bad - good) / 2
            if fails(middle) { bad = middle } else { good = middle }
        }
        return bad - 1
    }
}

extension UVFramingFault: CustomStringConvertible {
    /// One line: the error, the place, and all bytes that are kept.
    public var description: String { "\(error), \(place): \(escaped(atMost: Self.byteLimit))" }

    /// Where it is, in words.
    var place: String {
        "at byte \(offset) of the stream, in the frame that begins at byte \(frameOffset)"
    }

    /// The bytes around the place. ASCII is shown as it is, and other bytes as escapes. `>>` and
    /// `<<` enclose the offending byte, or show where the stream has ended.
    ///
    /// - Parameter limit: How many bytes at most.
    /// - Returns: The text.
    func escaped(atMost limit: Int) -> String {
        let start = max(0, position - limit / 2)
        let end = min(bytes.count, position + limit / 2)
        var text = start > 0 ? "…" : ""
        for index in start..<max(start, end) {
            let byte = Self.escape(bytes[index])
            text += index == position ? ">>\(byte)<<" : byte
        }
        if position >= end { text += ">><<" }
        return end < bytes.count ? text + "…" : text
    }

    private static func escape(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "\\"): return "\\\\"
        case UInt8(ascii: "\n"): return "\\n"
        case UInt8(ascii: "\r"): return "\\r"
        case UInt8(ascii: "\t"): return "\\t"
        case 0x20...0x7E: return String(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16)
            return "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
        }
    }
}

extension UVConnection {
    /// Where what came did not fit the framing, with the bytes around it. Nil unless the connection
    /// has ended, or is ending, for ``UVEndReason/framing(_:)``.
    ///
    /// Ask for it in `onDisconnected`, or when a task's messages have ended.
    public var framingFault: UVFramingFault? {
        loop.confine("UVConnection.framingFault")
        return extras?.fault
    }
}
