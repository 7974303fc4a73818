import Testing
import UVSockets
import UVSocketsTesting

/// Messages that end with a semicolon, found by a codec with one fault or none.
private struct FaultyCodec: FrameCodec {
    enum Fault: CaseIterable {
        case none, forgetful, greedy, hasty, strayMemory, needy, moody, longPayload, outside, empty
        case limitless, unsendable, otherEnd
    }

    let fault: Fault
    let maximumLength = 10
    private let end = UInt8(ascii: ";")

    func firstFrame(in bytes: Span<UInt8>, memory: Int) throws(FramingError) -> FrameSearch {
        let start = fault == .strayMemory ? memory + 1 : memory
        guard let index = bytes.firstIndex(of: end, from: min(start, bytes.count)) else {
            if fault != .limitless, bytes.count > maximumLength {
                throw .frameTooLong(limit: maximumLength)
            }
            if fault == .hasty, bytes.count == 2 { throw .malformed("no semicolon") }
            let needed = bytes.count + (fault == .needy ? 3 : 1)
            return .incomplete(memory: fault == .forgetful ? 0 : bytes.count, needed: needed)
        }
        switch fault {
        case .limitless: break
        default:
            guard index <= maximumLength else { throw .frameTooLong(limit: maximumLength) }
        }
        return switch fault {
        // It takes all that has come, and not the first frame.
        case .greedy: .frame(payload: 0..<bytes.count - 1, end: bytes.count)
        // It waits for a byte that belongs to the next frame.
        case .moody where bytes.count == index + 1: .incomplete(needed: bytes.count + 1)
        case .outside: .frame(payload: 0..<index, end: bytes.count + 1)
        case .empty: .frame(payload: 0..<0, end: 0)
        case .longPayload: .frame(payload: 0..<index + 2, end: index + 1)
        default: .frame(payload: 0..<index, end: index + 1)
        }
    }

    func wrapper(of payload: Span<UInt8>) throws(FramingError) -> FrameWrapper {
        if fault == .unsendable, payload.isEmpty { throw .unsendable("it is empty") }
        return FrameWrapper(suffix: fault == .otherEnd ? [end, end] : [end])
    }
}

@Suite("UVTestCodec", .onPool, .timeLimit(.minutes(1)))
struct TestCodecTests {
    private func check(_ codec: some FrameCodec) throws(UVTestFailure) {
        let codec = UVTestCodec(codec)
        try codec.check("a;bc;de", gives: ["a", "bc"], leaving: 2)
        try codec.check(
            "a;12345678901;", gives: ["a"], error: .frameTooLong(limit: 10))
        try codec.check(payloads: ["", "a", "1234567890"])
    }

    @Test(
        "A codec that forgets what it has seen is slow, and right",
        arguments: [.none, .forgetful] as [FaultyCodec.Fault])
    fileprivate func right(fault: FaultyCodec.Fault) throws {
        try check(FaultyCodec(fault: fault))
    }

    @Test(
        "What is wrong is said in a sentence",
        arguments: [
            (
                .greedy,
                #"with 2 bytes of "a;bc;de" the codec finds a frame of 2 bytes with the payload 0..<1, and with all 7 bytes a frame of 7 bytes with the payload 0..<6"#
            ),
            (
                .hasty,
                #"with 2 bytes of "bc;de" the codec finds the error "malformed frame: no semicolon", and with all 5 bytes a frame of 3 bytes with the payload 0..<2"#
            ),
            (
                .strayMemory,
                #"with 2 bytes of "a;bc;de" and the memory 1 the codec finds that 3 bytes are needed, and without it a frame of 2 bytes with the payload 0..<1"#
            ),
            (
                .needy,
                #"with 2 bytes of "a;bc;de" the codec finds a frame of 2 bytes with the payload 0..<1, and has said that it needs 4 bytes"#
            ),
            (.moody, #""a;bc;de" after 2 bytes gives [] and 2 bytes more, and not ["a"]"#),
            (.longPayload, "in 7 bytes the codec finds a frame of 2 bytes, whose payload is 0..<3"),
            (.outside, "in 7 bytes the codec finds a frame of 8 bytes, whose payload is 0..<1"),
            (.empty, "in 7 bytes the codec finds a frame of 0 bytes, whose payload is 0..<0"),
            (.limitless, "the codec finds a payload of 11 bytes, and its limit is 10"),
            (.unsendable, #""" cannot be sent as a frame: it is empty"#),
            (.otherEnd, #"";;" whole gives ["", ""], and not [""]"#),
        ] as [(FaultyCodec.Fault, String)])
    fileprivate func wrong(fault: FaultyCodec.Fault, sentence: String) {
        #expect(throws: UVTestFailure.self) { try check(FaultyCodec(fault: fault)) }
        do throws(UVTestFailure) {
            try check(FaultyCodec(fault: fault))
        } catch {
            #expect(error.description == sentence)
        }
    }

    @Test("What a test expects and does not get is said, too")
    func expectations() {
        let codec = UVTestCodec(LineCodec(ending: .lf, maximumLength: 4))
        func said(_ body: () throws(UVTestFailure) -> Void) -> String? {
            do throws(UVTestFailure) {
                try body()
                return nil
            } catch {
                return error.description
            }
        }
        #expect(
            said { () throws(UVTestFailure) in try codec.check("a\nb\r", gives: ["a", "b\r"]) }
                == #""a\nb\r" whole gives ["a"] and 2 bytes more, and not ["a", "b\r"]"#)
        #expect(
            said { () throws(UVTestFailure) in try codec.check("a\nbcdef", gives: ["a"]) }
                == #""a\nbcdef" whole gives ["a"] and the error "a frame is longer than the limit of 4 bytes", and not ["a"]"#
        )
        #expect(
            said { () throws(UVTestFailure) in try codec.check(payloads: ["abcde"]) }
                == #""abcde" cannot be sent as a frame: 5 bytes are more than the limit of 4"#)
    }

    @Test("A long stream is cut at some places")
    func long() throws {
        let codec = UVTestCodec(LengthPrefixCodec(.bytes2, maximumLength: 65_535))
        try codec.check(payloads: [pattern(65_535), [], pattern(3)])
    }
}

@Suite("UVTestConnection", .onPool, .timeLimit(.minutes(1)))
struct TestConnectionTests {
    @Test("A handler of messages is fed, answers, and ends", arguments: [1, 2, .max])
    func callback(piece: Int) throws {
        var greeted = 0
        let client = try UVTestConnection(framing: .lines) { _ in
            greeted += 1
        } onMessageReceived: {
            $0.send($1)
        }
        #expect(greeted == 1)
        client.feed("one\ntwo\nthr", inPiecesOf: piece)
        #expect(client.sentText == "one\ntwo\n")
        #expect(client.ended == nil)
        client.finish()
        #expect(client.sent == Array("one\ntwo\n".utf8))
        #expect(client.ended == .framing(.truncated(bytes: 3)))
        #expect(client.result == nil)
    }

    @Test("A task is fed, answers, and ends")
    func task() throws {
        let client = try UVTestConnection(framing: .lines) { client in
            for try await line in client.messages {
                if line.span == "quit" { return }
                try await client.send(line)
            }
        }
        client.feed("one\n")
        #expect(client.sentText == "one\n")
        #expect(client.result == nil)
        client.feed("quit\n")
        #expect(try client.result?.get() != nil)
        #expect(client.peer.end == .finished)
        client.peer.close()
        client.network.run()
        #expect(client.ended == .closed)
    }

    @Test("What a task throws is told")
    func throwing() throws {
        struct Wrong: Error {}
        let client = try UVTestConnection { client in
            _ = try await client.nextMessage()
            throw Wrong()
        }
        client.feed([1])
        #expect(throws: Wrong.self) { try client.result?.get() }
    }

    @Test("Its options hold, and its time is the network's")
    func options() throws {
        var options = UVConnectionOptions.listener
        options.idleTimeout = .seconds(120)
        let client = try UVTestConnection(options: options) { $0.send($1) }
        client.network.run(for: .seconds(121))
        client.peer.close()
        client.network.run()
        #expect(client.ended == .idle)
    }
}
