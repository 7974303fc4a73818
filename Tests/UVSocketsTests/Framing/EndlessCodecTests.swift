import Testing

@testable import UVSockets

/// Codecs that never find a frame, or say strange things: what is kept stays below the limit.
@Suite("Codecs that find nothing", .ownThreads, .timeLimit(.minutes(1)))
struct EndlessCodecTests {
    /// Never finds a frame, and says what it was told to say.
    struct Endless: FrameCodec {
        let maximumLength: Int
        let memory: Int
        let needed: Int

        func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
            .incomplete(memory: self.memory, needed: needed)
        }

        func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
            FrameWrapper()
        }
    }

    @Test(
        "A frame that does not end ends the connection",
        arguments: [(1, 1), (1000, 1), (1000, 700), (1000, 1 << 16), (100_000, 1 << 16)],
        [(0, 0), (Int.max, Int.max), (-1, -1), (.min, .max)])
    func endless(sizes: (limit: Int, chunk: Int), answer: (Int, Int)) throws {
        let (limit, chunk) = sizes
        let codec = Endless(maximumLength: limit, memory: answer.0, needed: answer.1)
        var assembler = FrameAssembler()
        var sent = 0
        var error: FramingError?
        let bytes = pattern(chunk)
        while sent < 2_000_000, error == nil {
            var offset = 0
            sent += chunk
            do throws(FramingError) {
                let found = try assembler.next(in: bytes.span, &offset, codec)
                #expect(found == nil)
                assembler.keep(bytes.span.extracting(offset...))
                try assembler.checkLength(codec)
            } catch let thrown {
                error = thrown
            }
        }
        #expect(error == .frameTooLong(limit: limit))
        #expect(sent <= limit + 46 + chunk)
    }

    @Test("On a connection, too, for callbacks and tasks", arguments: [false, true])
    func connection(isTask: Bool) async throws {
        let ends = Journal<UVEndReason>()
        let codec = Endless(maximumLength: 1000, memory: 0, needed: 0)
        let flood: @Sendable (RawPeer) throws -> Void = { peer in
            // What comes beyond the limit is thrown away.
            _ = try? peer.sendUntilHeld(4 << 20)
            try? peer.finish()
            let end = try ends.first()
            #expect(end == .framing(.frameTooLong(limit: 1000)))
        }
        if isTask {
            try await withTaskServer(
                framing: .codec(codec),
                setUp: { $0.onDisconnected = { _, reason in ends.append(reason) } },
                handler: { client in while try await client.nextMessage() != nil {} },
                body: { try flood($0.connect()) })
        } else {
            try withServer(
                framing: .codec(codec),
                configure: { $0.onDisconnected = { _, reason in ends.append(reason) } },
                body: { try flood($0.connect()) })
        }
    }

    /// Frames of 100 bytes around each byte of payload.
    struct Wasteful: FrameCodec {
        let maximumLength = 10

        func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
            bytes.count < 101
                ? .incomplete(needed: 101) : .frame(payload: 100..<101, end: 101)
        }

        func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
            FrameWrapper()
        }
    }

    @Test("A frame is too long whether it comes whole or in pieces", arguments: [1, 50, 101, 300])
    func consistent(chunk: Int) {
        var assembler = FrameAssembler()
        let bytes = pattern(chunk)
        var error: FramingError?
        do throws(FramingError) {
            for _ in 0..<400 {
                var offset = 0
                _ = try assembler.next(in: bytes.span, &offset, Wasteful())
                assembler.keep(bytes.span.extracting(offset...))
                try assembler.checkLength(Wasteful())
            }
        } catch let thrown {
            error = thrown
        }
        #expect(error == .frameTooLong(limit: 10))
    }
}
