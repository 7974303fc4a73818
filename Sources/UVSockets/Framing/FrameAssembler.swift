/// Finds whole frames in bytes that come in chunks, and keeps what does not end in one.
///
/// A frame that lies in a chunk is shown there. Only a frame that is cut is copied, piece by piece
/// as far as it goes; the frames behind it are found in the chunk again.
///
///     a chunk comes ─▶ next ─▶ .chunk or .kept ─▶ next ─▶ … ─▶ nil ─▶ keep the rest
///                       └───── one may stop between two frames ─────────▲
///
/// Whoever drives it may change the codec between two calls of `next`, and may stop before the
/// chunk is used up, if the rest is then kept; `next` with an empty chunk goes on from there.
///
/// The bytes of a frame that is not whole never exceed the codec's limit and the ends of a frame: the
/// search ends as ``FramingError/frameTooLong(limit:)`` beyond that, whatever the codec says.
struct FrameAssembler {
    /// Where a frame's payload lies.
    enum Location: Equatable {
        /// In the chunk.
        case chunk(Range<Int>)
        /// In the kept bytes, until the next mutating call.
        case kept(Range<Int>)
    }

    /// How many bytes of a chunk are copied first to complete a frame whose length is not known,
    /// most of which are short; then twice as many, and so on.
    private static let firstStep = 256

    /// The bytes that did not end in a whole frame. They hold memory only while there are some.
    private(set) var kept: [UInt8] = []
    /// Where in the kept bytes the next frame begins.
    private var start = 0
    /// What the last search of the next frame returned; 0 before the first.
    private var scanned = 0
    private var needed = 0

    /// How many bytes are kept and not yet taken.
    var count: Int { kept.count - start }
    /// Whether, once `next` has returned nil, the bytes so far end within a frame.
    var isMidFrame: Bool { count > 0 }

    /// Finds the next frame.
    ///
    /// - Parameters:
    ///   - chunk: The bytes that came last.
    ///   - offset: How many of them have been taken: 0 at first, and counted on here.
    ///   - codec: What divides the bytes.
    /// - Returns: Where the frame's payload lies; nil when no whole frame is left.
    /// - Throws: What the codec says is wrong with the next frame; and again, if asked again.
    mutating func next(
        in chunk: Span<UInt8>, _ offset: inout Int, _ codec: any FrameCodec
    ) throws(FramingError) -> Location? {
        if start > 0, start == kept.count { release() }
        guard kept.isEmpty else { return try nextKept(chunk, &offset, codec) }
        guard offset < chunk.count else { return nil }
        let bytes = chunk.extracting(offset...)
        let search = try codec.firstFrame(in: bytes, scanned: 0)
        guard let (payload, end) = try note(search, of: bytes.count, codec) else { return nil }
        let begin = offset
        offset += end
        return .chunk(begin + payload.lowerBound..<begin + payload.upperBound)
    }

    /// Takes the next bytes as they are, where no codec divides them.
    ///
    /// - Returns: Where they lie: all that is kept, then the rest of the chunk; nil when there are
    ///   none.
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
    mutating func keep(_ rest: Span<UInt8>) {
        if start > 0, start == kept.count { release() }
        guard rest.count > 0 else { return }
        dropTaken()
        kept.append(copying: rest)
    }

    /// Notes that another codec divides the kept bytes from now on, which it has not searched.
    mutating func codecChanged() {
        scanned = 0
        needed = 0
    }

    /// Forgets the kept bytes.
    mutating func release() {
        kept = []
        start = 0
        codecChanged()
    }

    /// Finds the next frame in the kept bytes, to which bytes of the chunk are added as it needs
    /// them. What turns out not to be the frame's goes back to the chunk.
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
        try codec.firstFrame(in: kept.span.extracting(start...), scanned: scanned)
    }

    /// Remembers what a search said.
    ///
    /// - Returns: The frame, if there was one.
    private mutating func note(
        _ search: FrameSearch, of count: Int, _ codec: any FrameCodec
    ) throws(FramingError) -> (payload: Range<Int>, end: Int)? {
        if case .incomplete(let scanned, let needed) = search {
            self.scanned = min(max(0, scanned), count)
            self.needed = max(needed, count == .max ? count : count + 1)
            guard self.needed <= codec.longestFrame + 1 else {
                throw .frameTooLong(limit: codec.maximumLength)
            }
        } else {
            codecChanged()
        }
        return try search.frame(within: count, limit: codec.longestFrame, codec.maximumLength)
    }

    /// Throws where more is kept of a frame that is not whole than the longest has.
    func checkLength(_ codec: any FrameCodec) throws(FramingError) {
        guard count <= codec.longestFrame else { throw .frameTooLong(limit: codec.maximumLength) }
    }

    /// Doubles the memory where it must grow, but not beyond what a frame within the limit takes.
    private mutating func add(_ piece: Span<UInt8>, limit: Int) {
        dropTaken()
        let size = kept.count + piece.count
        if size > kept.capacity {
            kept.reserveCapacity(max(size, min(2 * size, limit)))
        }
        kept.append(copying: piece)
    }

    /// Gives the memory of taken frames back; only one who stopped in a chunk has kept some.
    private mutating func dropTaken() {
        guard start > 0 else { return }
        kept = Array(kept[start...])
        start = 0
    }
}
