@testable import UVSockets

/// What comes of a stream that arrives in pieces.
struct Divided: Equatable {
    var frames: [Wire] = []
    var end = WireEnd.clean
    /// Where each frame ended in the stream.
    var boundaries: [Int] = []

    /// Feeds the pieces to an assembler.
    ///
    /// - Parameters:
    ///   - pieces: What arrives, one chunk after the other.
    ///   - stops: Whether to stop after each frame, keep the rest, and go on from there.
    ///   - codec: The codec, by the number of frames that have been found; nil where there is none.
    init(_ pieces: [[UInt8]], stops: Bool = false, _ codec: (Int) -> (any FrameCodec)?) {
        var assembler = FrameAssembler()
        var received = 0
        do throws(FramingError) {
            for piece in pieces {
                received += piece.count
                var chunk = piece
                var isStopped = true
                while isStopped {
                    isStopped = false
                    var offset = 0
                    while !isStopped,
                        let place = try assembler.take(chunk.span, &offset, codec(frames.count))
                    {
                        frames.append(assembler.read(place, in: chunk))
                        boundaries.append(received - chunk.count + offset - assembler.count)
                        isStopped = stops
                    }
                    assembler.keep(chunk.span.extracting(offset...))
                    chunk = []
                }
            }
            end = assembler.isMidFrame ? .truncated(assembler.count) : .clean
        } catch {
            end = .error(error)
        }
    }

    init(_ pieces: [[UInt8]], stops: Bool = false, _ codec: any FrameCodec) {
        self.init(pieces, stops: stops) { _ in codec }
    }

    static func == (one: Self, other: Self) -> Bool {
        one.frames == other.frames && one.end == other.end
    }
}

extension FrameAssembler {
    /// The next frame, or whatever there is without a codec.
    mutating func take(
        _ chunk: Span<UInt8>, _ offset: inout Int, _ codec: (any FrameCodec)?
    ) throws(FramingError) -> Location? {
        guard let codec else { return takeAll(of: chunk, &offset) }
        return try next(in: chunk, &offset, codec)
    }

    /// The bytes at a place.
    func read(_ place: Location, in chunk: [UInt8]) -> Wire {
        switch place {
        case .chunk(let range): Wire(chunk[range])
        case .kept(let range): Wire(kept[range])
        }
    }
}

extension Wire {
    /// The bytes in two pieces.
    func split(at index: Int) -> [[UInt8]] {
        [Array(bytes[..<index]), Array(bytes[index...])]
    }

    /// The bytes one by one.
    var single: [[UInt8]] { bytes.map { [$0] } }

    /// The bytes in pieces of a size.
    func pieces(of size: Int) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: size).map {
            Array(bytes[$0..<min($0 + size, bytes.count)])
        }
    }

    /// The payload with its ends.
    init(framing payload: Wire, by codec: any FrameCodec) throws(FramingError) {
        try self.init(framing: payload, by: UVFraming.codec(codec))
    }

    /// The payload with its ends.
    init(framing payload: Wire, by framing: UVFraming) throws(FramingError) {
        let ends = try framing.wrapper(of: payload.bytes.span)
        var framed: [UInt8] = []
        ends.prefix.append(to: &framed)
        framed += payload.bytes
        ends.suffix.append(to: &framed)
        self.init(framed)
    }
}
