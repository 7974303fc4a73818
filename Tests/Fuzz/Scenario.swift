/// One input's meaning: a codec's settings, where to cut, and a stream.
///
///     byte 0: variant of the codec   1: limit − 1   2, 3: cuts   4…: the stream
///
/// Byte 2 also says into pieces of which size the stream is cut, single bytes among them, which of
/// the two cuttings stops after each frame, and which other codec takes turns with the first. With
/// a byte 3 of 192 or more the stream is what follows four times, and so longer than what an
/// assembler takes of a chunk at first.
struct Scenario {
    private let variant: Int
    private let limit: Int
    private let cuts: [Int]
    private let step: Int
    private let isOdd: Bool
    private let wire: [UInt8]

    init?(_ input: [UInt8]) {
        guard input.count >= 4 else { return nil }
        variant = Int(input[0])
        limit = Int(input[1]) + 1
        wire = (0..<(input[3] >= 192 ? 4 : 1)).flatMap { _ in input[4...] }
        let length = wire.count
        cuts = [Int(input[2]), 2 * Int(input[3])].map { $0 % (length + 1) }.sorted()
        step = 1 + Int(input[2] >> 1) % 8
        isOdd = input[2] & 1 == 1
    }

    func check() {
        let codec = FuzzedCodec.chosen.make(variant: variant, limit: limit)
        let whole = checkCuts([codec])
        checkFrames(whole, codec)
        checkSending(codec)
        let other: any FrameCodec =
            isOdd ? LineCodec(maximumLength: limit) : FixedLengthCodec(1 + limit % 3)
        _ = checkCuts([codec, other])
    }

    /// However the stream is cut, and wherever one stops, the outcome is that of the whole.
    private func checkCuts(_ codecs: [any FrameCodec]) -> Outcome {
        let whole = Outcome(wire, cuts: [], codecs, stops: false)
        same(whole, Outcome(wire, cuts: cuts, codecs, stops: isOdd), "cut at \(cuts)")
        let pieces = stride(from: step, to: wire.count, by: step)
        same(whole, Outcome(wire, cuts: pieces, codecs, stops: !isOdd), "pieces of \(step)")
        return whole
    }

    private func same(
        _ whole: Outcome, _ other: Outcome, _ how: @autoclosure () -> String
    ) {
        require(whole == other, "\(how()), odd \(isOdd): \(other) instead of \(whole)")
    }

    /// Each frame is within the limit, can be sent, and arrives as it was. Where there is only one
    /// way to write it, that is what was received.
    private func checkFrames(_ whole: Outcome, _ codec: any FrameCodec) {
        var rewritten: [UInt8] = []
        var begin = 0
        for length in whole.lengths {
            require(length <= codec.maximumLength, "a frame of \(length) bytes")
            let payload = whole.payloads.span.extracting(begin..<begin + length)
            begin += length
            do {
                let ends = try UVFraming.codec(codec).wrapper(of: payload)
                ends.prefix.append(to: &rewritten)
                rewritten.append(copying: payload)
                ends.suffix.append(to: &rewritten)
            } catch {
                fatalError("what was received cannot be sent: \(error)")
            }
        }
        if FuzzedCodec.chosen.isCanonical(variant: variant) {
            require(wire.starts(with: rewritten), "\(rewritten) was not received")
            require(
                whole.error != nil || rewritten.count + whole.leftover == wire.count,
                "bytes are missing")
        }
        var again = Outcome(
            rewritten, cuts: cuts.map { min($0, rewritten.count) }, [codec], stops: false)
        again.error = whole.error
        again.leftover += whole.leftover
        same(whole, again, "sent again")
    }

    /// The stream as one payload either cannot be sent or arrives as it is.
    private func checkSending(_ codec: any FrameCodec) {
        guard let ends = try? UVFraming.codec(codec).wrapper(of: wire.span) else { return }
        var framed: [UInt8] = []
        ends.prefix.append(to: &framed)
        framed.append(contentsOf: wire)
        ends.suffix.append(to: &framed)
        require(framed.count == wire.count + ends.count, "the ends' count is wrong")
        let outcome = Outcome(framed, cuts: [], [codec], stops: false)
        require(
            outcome.payloads == wire && outcome.lengths == [wire.count] && outcome.leftover == 0,
            "sent was \(framed), received \(outcome)")
    }
}
