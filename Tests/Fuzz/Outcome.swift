/// What came of a stream: its frames, one behind the other, and how it ended.
struct Outcome: Equatable {
    var payloads: [UInt8] = []
    var lengths: [Int] = []
    var error: FramingError?
    /// How many bytes lay behind the last whole frame, if there was no error.
    var leftover = 0

    /// Takes the stream in pieces that end at the cuts.
    ///
    /// - Parameters:
    ///   - wire: The stream.
    ///   - cuts: Where the stream is cut, in ascending order.
    ///   - codecs: The first frame is the first codec's, the second the second's, and so on round.
    ///   - stops: Whether to stop after each frame, keep the rest, and go on from there.
    init(_ wire: [UInt8], cuts: some Sequence<Int>, _ codecs: [any FrameCodec], stops: Bool) {
        payloads.reserveCapacity(wire.count)
        lengths.reserveCapacity(wire.count)
        var assembler = FrameAssembler()
        var begin = 0
        for end in cuts where error == nil {
            take(wire.span.extracting(begin..<end), &assembler, codecs, stops)
            begin = end
        }
        if error == nil { take(wire.span.extracting(begin...), &assembler, codecs, stops) }
        if error == nil { leftover = assembler.count }
    }

    private mutating func take(
        _ chunk: Span<UInt8>, _ assembler: inout FrameAssembler, _ codecs: [any FrameCodec],
        _ stops: Bool
    ) {
        let limit = codecs.reduce(0) { max($0, $1.maximumLength) }
        let bound = limit + 2 * FrameWrapper.Bytes.capacity + chunk.count
        do throws(FramingError) {
            var offset = 0
            while let place = try assembler.next(
                in: chunk, &offset, codecs[lengths.count % codecs.count])
            {
                note(place, chunk, assembler)
                guard !stops else { break }
            }
            assembler.keep(chunk.extracting(offset...))
            require(assembler.kept.count <= bound, "more was kept than a frame and a chunk")
            require(assembler.kept.capacity <= bound + 32, "more memory was kept than that")
            guard stops else { return }
            var none = 0
            let nothing = chunk.extracting(first: 0)
            while let place = try assembler.next(
                in: nothing, &none, codecs[lengths.count % codecs.count])
            {
                note(place, nothing, assembler)
            }
            assembler.keep(nothing)
        } catch {
            self.error = error
        }
    }

    private mutating func note(
        _ place: FrameAssembler.Location, _ chunk: Span<UInt8>, _ assembler: FrameAssembler
    ) {
        switch place {
        case .chunk(let range):
            lengths.append(range.count)
            payloads.append(copying: chunk.extracting(range))
        case .kept(let range):
            lengths.append(range.count)
            payloads.append(copying: assembler.kept.span.extracting(range))
        }
    }
}

/// Ends the process, as a finding, where something does not hold.
func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
    guard holds else { fatalError(sentence()) }
}
