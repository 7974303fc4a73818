/// Finds whole frames in bytes that come in chunks, and keeps the bytes of an unfinished frame.
///
/// A frame that lies within a chunk is shown there. Only a frame that is split between chunks is
/// copied, piece by piece up to its end. The frames after it are found in the chunk again.
///
///     a chunk comes ─▶ next ─▶ .chunk or .kept ─▶ next ─▶ … ─▶ nil ─▶ keep the rest
///                       └───── one may stop between two frames ─────────▲
///
/// The caller may change the codec between two calls of `next`. It may also stop before the chunk
/// is used up, if it then keeps the rest. `next` with an empty chunk continues from there.
///
/// The bytes of an unfinished frame never exceed the codec's limit plus the longest prefix and
/// suffix. Beyond that the search throws ``FramingError/frameTooLong(limit:)``, whatever the codec
/// says.
package struct FrameAssembler {
    /// Where a frame's payload lies.
    package enum Location: Equatable {
        /// In the chunk.
        case chunk(Range<Int>)
        /// In the kept bytes, until the next mutating call.
        case kept(Range<Int>)
    }

    /// How many bytes of a chunk are copied first to complete a frame of unknown length. Most of
    /// these frames are short. Each later step copies twice as many.
    private static let firstStep = 256

    /// The bytes that did not end in a whole frame. They hold memory only while there are some.
    package private(set) var kept: [UInt8] = []
    /// Where in the kept bytes the next frame begins.
    private var start = 0
    /// What the last search for the next frame returned; 0 before the first search.
    private var memory = 0
    private var needed = 0

    /// Makes an assembler that keeps nothing.
    package init() {}

    /// How many bytes the unfinished frame needs at least, with its prefix and suffix, as its codec
    /// says now.
    func lengthNeeded(_ codec: any FrameCodec) -> Int? {
        do throws(FramingError) {
            let search = try codec.firstFrame(in: kept.span.extracting(start...), memory: 0)
            guard case .incomplete(_, let needed) = search else { return nil }
            return needed
        } catch {
            return nil
        }
    }
    /// How many bytes are kept and not yet taken.
    package var count: Int { kept.count - start }
    /// Those bytes.
    var rest: [UInt8] { Array(kept[start...]) }
    /// Whether the bytes so far end within a frame. It is valid once `next` has returned nil.
    var isMidFrame: Bool { count > 0 }
    /// The bytes that are kept and not yet taken.
    var unfinished: [UInt8] { Array(kept[start...]) }

    /// Finds the next frame.
    ///
    /// - Parameters:
    ///   - chunk: The bytes that came last.
    ///   - offset: How many of them have been taken. It is 0 at first, and each call moves it on.
    ///   - codec: The codec that divides the bytes.
    /// - Returns: Where the frame's payload lies; nil when no whole frame is left.
    /// - Throws: The codec's error for the next frame. A second call throws it again.
    package mutating func next(
        in chunk: Span<UInt8>, _ offset: inout Int, _ codec: any FrameCodec
    ) throws(FramingError) -> Location? {
        if start > 0, start == kept.count { release() }
        guard kept.isEmpty else { return try nextKept(chunk, &offset, codec) }
        guard offset < chunk.count else { return nil }
        let bytes = chunk.extracting(offset...)
        let search = try codec.firstFrame(in: bytes, memory: 0)
        guard let (payload, end) = try note(search, of: bytes.count, codec) else { return nil }
        let begin = offset
        offset += end
        return .chunk(begin + payload.lowerBound..<begin + payload.upperBound)
    }

    /// Takes the next bytes as they are, because no codec divides them.
    ///
    /// - Returns: Where they lie: first all that is kept, then the rest of the chunk; nil if
    ///   there are none.
    mutating func takeAll(of chunk: Span<UInt8>, _ offset: inout Int) -> Location? {
        codecChanged()
        if count > 0 {
            let begin = start
            start = kept.count
            return .kept(begin..<start)
        }
        guard offset < chunk.count else { return nil }
        let begin = offset
        offset = chunk.count
        return .chunk(begin..<offset)
    }

    /// Keeps the bytes of a chunk that `next` has not taken.
    package mutating func keep(_ rest: Span<UInt8>) {
        if start > 0, start == kept.count { release() }
        guard rest.count > 0 else { return }
        dropTaken()
        kept.append(copying: rest)
    }

    /// Notes that another codec divides the kept bytes from now on. It has not searched them yet.
    mutating func codecChanged() {
        memory = 0
        needed = 0
    }

    /// Forgets the kept bytes.
    mutating func release() {
        kept = []
        start = 0
        codecChanged()
    }

    /// Finds the next frame in the kept bytes. It adds bytes of the chunk as the frame needs them.
    /// Bytes that turn out not to belong to the frame go back to the chunk.
    private mutating func nextKept(
        _ chunk: Span<UInt8>, _ offset: inout Int, _ codec: any FrameCodec
    ) throws(FramingError) -> Location? {
        var added = 0
        var step = Self.firstStep
        while true {
            if count >= needed {
                if let (payload, end) = try note(searchKept(codec), of: count, codec) {
                    let excess = min(count - end, added)
                    kept.removeLast(excess)
                    offset -= excess
                    let begin = start
                    start += end
                    return .kept(begin + payload.lowerBound..<begin + payload.upperBound)
                }
            }
            let size = min(max(needed - count, step), chunk.count - offset)
            guard size > 0 else {
                dropTaken()
                return nil
            }
            add(chunk.extracting(offset..<offset + size), limit: codec.longestFrame)
            offset += size
            added += size
            step *= 2
        }
    }

    private func searchKept(_ codec: any FrameCodec) throws(FramingError) -> FrameSearch {
        try codec.firstFrame(in: kept.span.extracting(start...), memory: memory)
    }

    /// Remembers the result of a search.
    ///
    /// - Returns: The frame, if there was one.
    private mutating func note(
        _ search: FrameSearch, of count: Int, _ codec: any FrameCodec
    ) throws(FramingError) -> (payload: Range<Int>, end: Int)? {
        if case .incomplete(let memory, let needed) = search {
            self.memory = memory
            self.needed = max(needed, count == .max ? count : count + 1)
            guard self.needed <= codec.longestFrame + 1 else {
                throw .frameTooLong(limit: codec.maximumLength)
            }
        } else {
            codecChanged()
        }
        return try search.frame(within: count, limit: codec.longestFrame, codec.maximumLength)
    }

    /// Throws if more is kept of an unfinished frame than the longest frame has.
    package func checkLength(_ codec: any FrameCodec) throws(FramingError) {
        guard count <= codec.longestFrame else { throw .frameTooLong(limit: codec.maximumLength) }
    }

    /// Doubles the memory when it must grow, but not beyond the size of the longest frame.
    private mutating func add(_ piece: Span<UInt8>, limit: Int) {
        dropTaken()
        let size = kept.count + piece.count
        if size > kept.capacity {
            kept.reserveCapacity(max(size, min(2 * size, limit)))
        }
        kept.append(copying: piece)
    }

    /// Frees the memory of taken frames. There is some only if the caller has stopped within a
    /// chunk.
    private mutating func dropTaken() {
        guard start > 0 else { return }
        kept = Array(kept[start...])
        start = 0
    }
}
