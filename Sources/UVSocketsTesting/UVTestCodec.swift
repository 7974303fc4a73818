public import UVSockets

/// A codec under test.
///
/// It checks that it does not matter where the network cuts the bytes, and that the codec keeps the
/// promises of a `FrameCodec`:
///
///     let codec = UVTestCodec(SemicolonCodec())
///     try codec.check(payloads: ["", "one", "two words"])
///     try codec.check("one;two", gives: ["one"], leaving: 3)
///
/// A check throws a ``UVTestFailure`` if the codec is wrong. It works in any test framework.
public struct UVTestCodec {
    private let codec: any FrameCodec
    /// Up to this many bytes, everything is tried.
    private static let fewBytes = 64

    /// Prepares the checks of a codec.
    ///
    /// - Parameter codec: The codec.
    public init(_ codec: some FrameCodec) {
        self.codec = codec
    }

    // MARK: - Sending

    /// Checks that payloads can be sent, and arrive as they were, each alone and all in one stream.
    ///
    /// It also checks that a payload beyond the limit, all of the letter `x`, is not taken for a
    /// message.
    ///
    /// - Parameter payloads: The payloads. Choose some that are hard for the codec: none, the
    ///   shortest, the longest, and some with the bytes that stand between messages.
    /// - Throws: ``UVTestFailure`` if one cannot be sent, or arrives otherwise.
    public func check(payloads: [[UInt8]]) throws(UVTestFailure) {
        var stream: [UInt8] = []
        for payload in payloads {
            let frame = try frame(of: payload)
            try check(frame, gives: [payload])
            stream += frame
        }
        try check(stream, gives: payloads)
        try checkLimit()
    }

    /// Checks texts, as ``check(payloads:)-([[UInt8]])`` does.
    ///
    /// - Parameter payloads: The payloads, as texts.
    /// - Throws: ``UVTestFailure`` if one cannot be sent, or arrives otherwise.
    public func check(payloads: [String]) throws(UVTestFailure) {
        try check(payloads: payloads.map { Array($0.utf8) })
    }

    private func frame(of payload: [UInt8]) throws(UVTestFailure) -> [UInt8] {
        do throws(FramingError) {
            return try payload.framed(UVFraming.codec(codec).wrapper(of: payload.span))
        } catch {
            throw UVTestFailure(description: "\(payload.shown) \(error)")
        }
    }

    /// A payload that is one byte too long is not found. Whether it can be sent is the framing's
    /// matter.
    private func checkLimit() throws(UVTestFailure) {
        guard codec.maximumLength < 1 << 24 else { return }
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: codec.maximumLength + 1)
        guard let ends = try? codec.wrapper(of: payload.span) else { return }
        let frame = payload.framed(ends)
        _ = try answer(frame.span, memory: 0)
    }

    // MARK: - Receiving

    /// Checks what a stream of bytes gives, wherever it is cut.
    ///
    /// The stream comes whole, byte by byte, and in two pieces. A short one also comes in any three
    /// pieces, and a long one is not cut everywhere, but near the ends of messages and at many other
    /// places. Each time it also comes to a connection that pauses after each message. And it ends
    /// early, after each byte.
    ///
    /// - Parameters:
    ///   - bytes: The stream.
    ///   - messages: The messages in it.
    ///   - rest: How many bytes follow the last message, and are the beginning of another one.
    ///   - error: The error that follows the last message.
    /// - Throws: ``UVTestFailure`` if the stream gives something else.
    public func check(
        _ bytes: [UInt8], gives messages: [[UInt8]], leaving rest: Int = 0,
        error: FramingError? = nil
    ) throws(UVTestFailure) {
        let expected = Division(messages: messages, rest: rest, error: error)
        let ends = try checkPromises(bytes)
        try check(bytes, at: [], gives: expected)
        try check(bytes, at: Array(bytes.indices.dropFirst()), gives: expected)
        let places = places(in: bytes.count, near: ends)
        for first in places {
            try check(bytes, at: [first], gives: expected)
            guard bytes.count <= Self.fewBytes else { continue }
            for second in places where second > first {
                try check(bytes, at: [first, second], gives: expected)
            }
        }
        for length in places {
            let whole = ends.prefix { $0 <= length }
            var part = Division(
                messages: Array(messages.prefix(whole.count)), rest: length - (whole.last ?? 0))
            let found = Division(of: bytes[..<length], at: [], by: codec)
            // An error comes when it comes. That is checked where the stream is cut.
            if whole.count == messages.count, error != nil, found.error == error {
                (part.rest, part.error) = (0, error)
            }
            try compare(found, part) { "\(bytes.shown) after \(length) bytes" }
        }
    }

    /// Checks a text, as ``check(_:gives:leaving:error:)-([UInt8],_,_,_)`` does.
    ///
    /// - Parameters:
    ///   - text: The stream, as a text.
    ///   - messages: The messages in it, as texts.
    ///   - rest: How many bytes follow the last message, and are the beginning of another one.
    ///   - error: The error that follows the last message.
    /// - Throws: ``UVTestFailure`` if the stream gives something else.
    public func check(
        _ text: String, gives messages: [String], leaving rest: Int = 0,
        error: FramingError? = nil
    ) throws(UVTestFailure) {
        try check(
            Array(text.utf8), gives: messages.map { Array($0.utf8) }, leaving: rest, error: error)
    }

    private func check(
        _ bytes: [UInt8], at cuts: [Int], gives expected: Division
    ) throws(UVTestFailure) {
        for pauses in [false, true] {
            let found = Division(of: bytes[...], at: cuts, pauses: pauses, by: codec)
            try compare(found, expected) {
                let how = cuts.count > 2 ? "byte by byte" : "cut at \(cuts)"
                return
                    "\(bytes.shown) \(cuts.isEmpty ? "whole" : how)\(pauses ? ", with pauses," : "")"
            }
        }
    }

    private func compare(
        _ found: Division, _ expected: Division, _ what: () -> String
    ) throws(UVTestFailure) {
        guard found != expected else { return }
        throw UVTestFailure(description: "\(what()) gives \(found), and not \(expected)")
    }

    /// Where to cut: everywhere, or near the ends of messages and at some hundred other places.
    private func places(in count: Int, near ends: [Int]) -> [Int] {
        guard count > 1024 else { return Array(0...count) }
        let near = ([0, count] + ends.prefix(100)).flatMap { $0 - 24...$0 + 24 }
        let others = stride(from: 0, through: count, by: count / 256)
        return Set(near + others).filter { 0...count ~= $0 }.sorted()
    }

    // MARK: - Promises

    /// Checks each search of each frame in a stream.
    ///
    /// - Returns: Where the messages end.
    private func checkPromises(_ bytes: [UInt8]) throws(UVTestFailure) -> [Int] {
        var ends: [Int] = []
        var begin = 0
        while begin < bytes.count {
            let rest = bytes.span.extracting(begin...)
            let whole = try answer(rest, memory: 0)
            guard case .search(.frame(_, let end)) = whole else {
                try checkSearches(of: rest, whole)
                break
            }
            // What follows the frame does not matter. A few bytes of it are shown.
            try checkSearches(of: rest.extracting(first: min(rest.count, end + 8)), whole)
            begin += end
            ends.append(begin)
        }
        return ends
    }

    /// Checks that a codec says the same of a frame whenever it is asked, and waits as it has said.
    private func checkSearches(of bytes: Span<UInt8>, _ whole: Answer) throws(UVTestFailure) {
        var needed = 0
        for length in places(in: bytes.count, near: []) {
            let now = try answer(bytes.extracting(first: length), memory: 0)
            guard case .search(.incomplete(let memory, let more)) = now else {
                guard length >= needed else {
                    throw UVTestFailure(
                        description:
                            "with \(length) bytes of \(bytes.shown) the codec finds \(now), "
                            + "and has said that it needs \(needed) bytes")
                }
                guard now == whole else {
                    throw UVTestFailure(
                        description:
                            "with \(length) bytes of \(bytes.shown) the codec finds \(now), "
                            + "and with all \(bytes.count) bytes \(whole)")
                }
                continue
            }
            needed = max(needed, more)
            let later = bytes.count <= Self.fewBytes ? Array(length...bytes.count) : [bytes.count]
            for longer in later {
                let again = bytes.extracting(first: longer)
                let (with, without) = (
                    try answer(again, memory: memory), try answer(again, memory: 0)
                )
                guard with.isLike(without) else {
                    throw UVTestFailure(
                        description:
                            "with \(longer) bytes of \(bytes.shown) and the memory \(memory) "
                            + "the codec finds \(with), and without it \(without)")
                }
            }
        }
    }

    /// What the codec says of bytes. A frame must lie within them, and its payload within the limit.
    private func answer(_ bytes: Span<UInt8>, memory: Int) throws(UVTestFailure) -> Answer {
        let search: FrameSearch
        do throws(FramingError) {
            search = try codec.firstFrame(in: bytes, memory: memory)
        } catch {
            return .error(error)
        }
        guard case .frame(let payload, let end) = search else { return .search(search) }
        guard 1...max(1, bytes.count) ~= end, !bytes.isEmpty, payload.lowerBound >= 0,
            payload.upperBound <= end
        else {
            throw UVTestFailure(
                description: "in \(bytes.count) bytes the codec finds a frame of \(end) bytes, "
                    + "whose payload is \(payload)")
        }
        guard payload.count <= codec.maximumLength else {
            throw UVTestFailure(
                description:
                    "the codec finds a payload of \(payload.count) bytes, and its limit is "
                    + "\(codec.maximumLength)")
        }
        return .search(search)
    }
}
