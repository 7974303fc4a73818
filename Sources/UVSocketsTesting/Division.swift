internal import UVSockets

/// What a stream has given: messages, and how it has ended.
struct Division: Equatable {
    var messages: [[UInt8]] = []
    /// How many bytes followed the last message, if there was no error.
    var rest = 0
    var error: FramingError?
}

extension Division {
    /// Divides bytes that come in pieces, as a connection does.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - cuts: Where a piece ends.
    ///   - pauses: Whether the connection stops after each message, and goes on later.
    ///   - codec: The codec.
    init(
        of bytes: ArraySlice<UInt8>, at cuts: [Int], pauses: Bool = false, by codec: any FrameCodec
    ) {
        var assembler = FrameAssembler()
        var begin = bytes.startIndex
        do throws(FramingError) {
            for end in cuts + [bytes.endIndex] {
                var chunk = Array(bytes[begin..<end])
                begin = end
                while try take(&assembler, chunk, pauses, codec) { chunk = [] }
            }
            rest = assembler.count
        } catch {
            self.error = error
        }
    }

    /// - Returns: Whether it has paused, so that more messages may be there.
    private mutating func take(
        _ assembler: inout FrameAssembler, _ chunk: [UInt8], _ pauses: Bool,
        _ codec: any FrameCodec
    ) throws(FramingError) -> Bool {
        var offset = 0
        var isPaused = false
        while !isPaused, let place = try assembler.next(in: chunk.span, &offset, codec) {
            switch place {
            case .chunk(let range): messages.append(Array(chunk[range]))
            case .kept(let range): messages.append(Array(assembler.kept[range]))
            }
            isPaused = pauses
        }
        assembler.keep(chunk.span.extracting(offset...))
        if !isPaused { try assembler.checkLength(codec) }
        return isPaused
    }
}

extension Division: CustomStringConvertible {
    var description: String {
        let some = messages.prefix(8).map(\.shown).joined(separator: ", ")
        let all = messages.count > 8 ? "\(messages.count) messages, \(some), …" : "[\(some)]"
        guard let error else { return rest > 0 ? "\(all) and \(rest) bytes more" : all }
        return "\(all) and the error \"\(error)\""
    }
}

/// What a codec says of some bytes.
enum Answer: Equatable {
    case search(FrameSearch)
    case error(FramingError)

    /// Whether both say the same, whatever the codec's memory is.
    func isLike(_ other: Answer) -> Bool {
        if case .search(.incomplete(_, let needed)) = self,
            case .search(.incomplete(_, let others)) = other
        {
            return needed == others
        }
        return self == other
    }
}

extension Answer: CustomStringConvertible {
    var description: String {
        switch self {
        case .error(let error): "the error \"\(error)\""
        case .search(.incomplete(_, let needed)): "that \(needed) bytes are needed"
        case .search(.frame(let payload, let end)):
            "a frame of \(end) bytes with the payload \(payload)"
        }
    }
}

extension Array<UInt8> {
    /// The bytes as a text for a person: at most 40 of them, with escapes.
    var shown: String { span.shown }

    /// The bytes with what stands around them on the wire.
    func framed(_ ends: FrameWrapper) -> [UInt8] {
        var frame: [UInt8] = []
        ends.prefix.append(to: &frame)
        frame += self
        ends.suffix.append(to: &frame)
        return frame
    }
}

extension Span<UInt8> {
    var shown: String {
        let some = extracting(first: 40)
        let text = some.indices.map { index in
            switch some[index] {
            case UInt8(ascii: "\n"): "\\n"
            case UInt8(ascii: "\r"): "\\r"
            case 0x20...0x7E: String(UnicodeScalar(some[index]))
            default: "\\u{\(String(some[index], radix: 16))}"
            }
        }
        return "\"\(text.joined())\(count > 40 ? "…" : "")\""
    }
}
